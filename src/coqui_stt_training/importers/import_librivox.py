"""Write CSV files of a corpus: `python -m coqui_stt_training.import_corpus librivox FOLDER`."""

from ..importing.command import importer

main = importer("librivox")

if __name__ == "__main__":
    main()
