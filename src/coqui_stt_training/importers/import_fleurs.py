"""Write CSV files of a corpus: `python -m coqui_stt_training.import_corpus fleurs FOLDER`."""

from ..importing.command import importer

main = importer("fleurs")

if __name__ == "__main__":
    main()
