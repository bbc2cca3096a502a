"""Write CSV files of a corpus: `python -m coqui_stt_training.import_corpus aishell FOLDER`."""

from ..importing.command import importer

main = importer("aishell")

if __name__ == "__main__":
    main()
