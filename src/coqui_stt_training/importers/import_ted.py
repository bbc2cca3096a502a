"""Write CSV files of a corpus: `python -m coqui_stt_training.import_corpus ted FOLDER`."""

from ..importing.command import importer

main = importer("ted")

if __name__ == "__main__":
    main()
