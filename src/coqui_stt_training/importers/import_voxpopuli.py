"""Write CSV files of a corpus: `python -m coqui_stt_training.import_corpus voxpopuli FOLDER`."""

from ..importing.command import importer

main = importer("voxpopuli")

if __name__ == "__main__":
    main()
