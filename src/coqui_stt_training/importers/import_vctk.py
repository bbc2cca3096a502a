"""Write CSV files of a corpus: `python -m coqui_stt_training.import_corpus vctk FOLDER`."""

from ..importing.command import importer

main = importer("vctk")

if __name__ == "__main__":
    main()
