"""Write CSV files of a corpus: `python -m coqui_stt_training.import_corpus tuda FOLDER`."""

from ..importing.command import importer

main = importer("tuda")

if __name__ == "__main__":
    main()
