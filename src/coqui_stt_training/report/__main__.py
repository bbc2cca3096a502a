"""`python -m coqui_stt_training.report` reports training runs."""

from .command import main

if __name__ == "__main__":
    main()
