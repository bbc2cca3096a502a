"""Write CSV files of a corpus: `python -m coqui_stt_training.import_corpus ldc93s1 FOLDER`."""

from ..importing.command import importer

main = importer("ldc93s1")

if __name__ == "__main__":
    main()
