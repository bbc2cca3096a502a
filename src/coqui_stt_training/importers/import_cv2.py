"""Write CSV files of a corpus: `python -m coqui_stt_training.import_corpus cv2 FOLDER`."""

from ..importing.command import importer

main = importer("cv2")

if __name__ == "__main__":
    main()
