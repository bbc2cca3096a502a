"""The table of public pre-trained models that can be sources.

Entries state what their publishers state. Models in formats that cannot be read are not listed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MANY_LANGUAGES = "mul"  # ISO 639 code for multiple languages
_GITHUB = "https://github.com"
_COQUI = f"{_GITHUB}/coqui-ai/STT-models/releases/tag"
_DEEPSPEECH = f"{_GITHUB}/mozilla/DeepSpeech/releases/tag/v0.9.3"
_HUGGINGFACE = "https://huggingface.co"

HOW_TO_USE = {
    "tensorflow-1": "--load_checkpoint_dir FOLDER (what {files} unpacks to)",
    "tflite": "--load_checkpoint_dir {files}",
    "huggingface": "--load_checkpoint_dir FOLDER (with {files} in it)",
    "ctranslate2": "--load_checkpoint_dir FOLDER (with {files} in it)",
    "ggml": "--load_checkpoint_dir {files}",
    "pytorch": "--load_checkpoint_dir {files}",
    "nemo": "--load_checkpoint_dir {files}",
}
_FILES = ("tflite", "ggml", "pytorch", "nemo")  # single-file formats


@dataclass(frozen=True)
class PublicSource:
    """A published model.

    Attributes:
        name: name in the table.
        language: English name of the language.
        tag: BCP 47 tag of the language; `mul` for many.
        licence: licence, as the publisher names it.
        size_megabytes: size of the files; None if it is not stated.
        format: format, as `inspect` names it.
        files: names of the files to download.
        url: page where the model is published.
        note: further information; may be empty.
    """

    name: str
    language: str
    tag: str
    licence: str
    size_megabytes: int | None
    format: str
    files: str
    url: str
    note: str = ""

    @property
    def hub_name(self) -> str:
        """The model's `hf://` name, if it can be fetched from the hub; otherwise empty."""
        of_huggingface = self.format == "huggingface" and "safetensors" in self.files
        fetched = of_huggingface or self.format == "ctranslate2"
        return f"hf://{self.url.removeprefix(_HUGGINGFACE).lstrip('/')}" if fetched else ""

    @property
    def how_to_use(self) -> str:
        """The flag of `train` that makes it the source."""
        if self.hub_name:
            return f"--load_checkpoint_dir {self.hub_name} (or a FOLDER with {self.files})"
        return HOW_TO_USE[self.format].format(files=self.files)


def _of_coqui(
    language: str, tag: str, release: str, licence: str, note: str = "", size: int = 46
) -> PublicSource:
    """Return an entry for a `.tflite` of Coqui's model repository."""
    name = f"{language} STT {release.rpartition('/')[2]}, {release.split('/')[1]}"
    return PublicSource(
        name, language, tag, licence, size, "tflite", "model.tflite", f"{_COQUI}/{release}", note
    )


_ENCODER = "the encoder is used, with a new output"


def _on_hub(
    name: str, repository: str, licence: str, megabytes: int | None, note: str,
    language: tuple[str, str] = ("many languages", MANY_LANGUAGES),
    files: str = "config.json and model.safetensors",
) -> PublicSource:  # fmt: skip
    """Return an entry for a transformers model on the Hugging Face hub."""
    url = f"{_HUGGINGFACE}/{repository}"
    return PublicSource(name, *language, licence, megabytes, "huggingface", files, url, note)


def _whisper(size: str, megabytes: int, licence: str = "Apache-2.0") -> PublicSource:
    languages = ("99 languages", MANY_LANGUAGES)
    return _on_hub(
        f"Whisper {size}", f"openai/whisper-{size}", licence, megabytes, _ENCODER, languages
    )


# Checkpoints and float models are better sources than Coqui's other models, which are quantised to
# 8 bits. Error rates are those of the model cards, on Common Voice, some with a scorer.
PUBLIC_SOURCES = (
    PublicSource(
        "Coqui STT 1.0.0, checkpoint", "English", "en", "Apache-2.0", 677, "tensorflow-1",
        "coqui-stt-1.0.0-checkpoint.tar.gz", f"{_GITHUB}/coqui-ai/STT/releases/tag/v1.0.0",
        "47,000 hours; later releases have the same",
    ),
    _of_coqui("English", "en", "english/coqui/v1.0.0-huge-vocab", "Apache-2.0",
              "float weights of the checkpoint above", 181),
    PublicSource(
        "DeepSpeech 0.9.3, checkpoint", "English", "en", "MPL-2.0", None, "tensorflow-1",
        "deepspeech-0.9.3-checkpoint.tar.gz", _DEEPSPEECH,
    ),
    PublicSource(
        "DeepSpeech 0.9.3 zh-CN", "Mandarin Chinese", "zh", "MPL-2.0", 46, "tflite",
        "deepspeech-0.9.3-models-zh-CN.tflite", _DEEPSPEECH,
        "2,000 hours; experimental; writes bytes, so it can be fine-tuned on any language",
    ),
    _of_coqui("Amharic", "am", "amharic/itml/v0.1.0", "AGPL", "CER 0.29"),
    _of_coqui("Basque", "eu", "basque/itml/v0.1.7", "AGPL", "CER 0.04"),
    _of_coqui("Catalan", "ca", "catalan/ccoreilly/v0.14.0", "MIT", "WER 0.13"),
    _of_coqui("Czech", "cs", "czech/comodoro/v0.3.0", "CC-BY-NC-4.0", "CER 0.11"),
    _of_coqui("Finnish", "fi", "finnish/itml/v0.1.1", "AGPL", "CER 0.31"),
    _of_coqui("French", "fr", "french/commonvoice-fr/v0.9", "MPL-2.0", "2,573 hours; CER 0.15"),
    _of_coqui("Galician", "gl", "galician/aholab/v0.1.3", "AGPL", "CER 0.07"),
    _of_coqui("Georgian", "ka", "georgian/itml/v0.1.1", "AGPL", "CER 0.31"),
    _of_coqui("German", "de", "german/AASHISHAG/v0.9.0", "Apache-2.0", "1,472 hours"),
    _of_coqui("Hindi", "hi", "hindi/bozden/v0.8.99", "CC-BY-SA-4.0", "11 hours; CER 0.35"),
    _of_coqui("Italian", "it", "italian/jaco-assistant/v0.0.1", "LGPL", "257 hours; CER 0.09"),
    _of_coqui("Kinyarwanda", "rw", "kinyarwanda/digital-umuganda/v0.0.1", "MPL-2.0",
              "1,200 hours; CER 0.24"),
    _of_coqui("Luganda", "lg", "luganda/itml/v0.1.1", "AGPL", "CER 0.31"),
    PublicSource(
        "Persian STT v0.1.0, oct4pie", "Persian", "fa", "LGPL-3.0", 45, "tflite",
        "persian_stt.tflite", f"{_COQUI}/persian/oct4pie/v0.1.0", "271 hours; CER 0.03",
    ),
    _of_coqui("Polish", "pl", "polish/jaco-assistant/v0.0.1", "LGPL", "CER 0.02"),
    _of_coqui("Spanish", "es", "spanish/jaco-assistant/v0.0.1", "LGPL", "CER 0.08"),
    _of_coqui("Ukrainian", "uk", "ukrainian/robinhad/v0.4", "CC-BY-NC-4.0",
              "1,230 hours; CER 0.16"),
    _of_coqui("Welsh", "cy", "welsh/techiaith/v21.03", "MIT"),
    _whisper("tiny", 151),
    _whisper("base", 290),
    _whisper("small", 967),
    _whisper("medium", 3055),
    _whisper("large-v3", 3087),
    _whisper("large-v3-turbo", 1618, "MIT"),
    PublicSource(
        "Whisper base for faster-whisper", "99 languages", MANY_LANGUAGES, "MIT", 145,
        "ctranslate2", "config.json and model.bin", f"{_HUGGINGFACE}/Systran/faster-whisper-base",
        "float16; other sizes beside it",
    ),
    PublicSource(
        "Whisper base for whisper.cpp", "99 languages", MANY_LANGUAGES, "MIT", 148, "ggml",
        "ggml-base.bin", f"{_HUGGINGFACE}/ggerganov/whisper.cpp",
        "float16; other sizes and quantised ones on the same page",
    ),
    PublicSource(
        "Whisper base, by OpenAI", "99 languages", MANY_LANGUAGES, "MIT", 145, "pytorch", "base.pt",
        f"{_GITHUB}/openai/whisper", "float16; its code downloads it, other sizes too",
    ),
    _on_hub("XLS-R 300M", "facebook/wav2vec2-xls-r-300m", "Apache-2.0", 1270,
            "436,000 hours", ("128 languages", MANY_LANGUAGES),
            "config.json and pytorch_model.bin"),
    _on_hub("MMS 1B, all", "facebook/mms-1b-all", "CC-BY-NC-4.0", 3859,
            "transcribes as it is, in English, or the language whose file is named",
            ("1,162 languages", MANY_LANGUAGES)),
    _on_hub("Omnilingual ASR, CTC 300M", "hf-audio/omniasr-ctc-300m-v2", "Apache-2.0", None,
            f"4.3 million hours; {_ENCODER}", ("1,600 languages", MANY_LANGUAGES)),
    _on_hub("w2v-BERT 2.0", "facebook/w2v-bert-2.0", "MIT", 2322, "4.5 million hours",
            ("143 languages", MANY_LANGUAGES)),
    _on_hub("wav2vec 2.0 base, 960 hours", "facebook/wav2vec2-base-960h", "Apache-2.0", 378,
            "with letters as its output", ("English", "en")),
    _on_hub("HuBERT base", "facebook/hubert-base-ls960", "Apache-2.0", 378, "960 hours",
            ("English", "en"), "config.json and pytorch_model.bin"),
    _on_hub("WavLM base plus", "microsoft/wavlm-base-plus", "CC-BY-SA-3.0", 378, "94,000 hours",
            ("English", "en"), "config.json and pytorch_model.bin"),
    _on_hub("Parakeet CTC 0.6B", "nvidia/parakeet-ctc-0.6b", "CC-BY-4.0", None,
            f"64,000 hours; {_ENCODER}", ("English", "en")),
    PublicSource(
        "Parakeet CTC 1.1B, for NeMo", "English", "en", "CC-BY-4.0", None, "nemo",
        "parakeet-ctc-1.1b.nemo", f"{_HUGGINGFACE}/nvidia/parakeet-ctc-1.1b",
        f"64,000 hours; {_ENCODER}",
    ),
)  # fmt: skip


def find_sources(language: str = "") -> list[PublicSource]:
    """Return the models for a language, given as a tag (`uk`, `uk-UA`) or a name; by default all.

    The result includes all multilingual models, even if they do not cover this language.
    """
    wanted = language.strip().lower()
    tag = wanted.replace("_", "-").split("-")[0]
    return [
        source
        for source in PUBLIC_SOURCES
        if not wanted
        or source.tag in (tag, MANY_LANGUAGES)
        or wanted in source.language.lower().split()
    ]


def markdown_row(source: PublicSource) -> str:
    """Return the row of a model in the documentation's table."""
    size = "" if source.size_megabytes is None else f"{source.size_megabytes} MB"
    cells = (
        f"[{source.name}]({source.url})", f"{source.language} (`{source.tag}`)", source.licence,
        size, f"`{source.files}`" if source.format in _FILES else source.files, source.note,
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def describe_sources(sources: Iterable[PublicSource]) -> str:
    """Describe models as text, four lines each."""
    blocks = []
    for source in sources:
        facts = [
            f"{source.language} ({source.tag})",
            source.licence,
            f"{source.size_megabytes} MB" if source.size_megabytes else "",
            source.format,
            source.note,
        ]
        blocks.append(
            f"{source.name}\n  {' · '.join(filter(None, facts))}\n  {source.url}\n"
            f"  {source.how_to_use}"
        )
    return "\n\n".join(blocks)
