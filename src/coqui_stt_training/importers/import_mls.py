"""Write CSV files of a corpus: `python -m coqui_stt_training.import_corpus mls FOLDER`."""

from ..importing.command import importer

main = importer("mls")

if __name__ == "__main__":
    main()
