"""Write CSV files of a corpus: `python -m coqui_stt_training.import_corpus ljspeech FOLDER`."""

from ..importing.command import importer

main = importer("ljspeech")

if __name__ == "__main__":
    main()
