"""Write CSV files of a corpus: `python -m coqui_stt_training.import_corpus m_ailabs FOLDER`."""

from ..importing.command import importer

main = importer("m_ailabs")

if __name__ == "__main__":
    main()
