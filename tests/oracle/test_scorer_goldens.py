"""Scorers equal upstream's: the probabilities that we read, and the dictionaries that we write."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from coqui_stt_ctcdecoder import Alphabet, Scorer, UTF8Alphabet, ctc_beam_search_decoder
from coqui_stt_ctcdecoder.scorer import STT_ERR_OK, STT_ERR_SCORER_NO_TRIE
from coqui_stt_ctcdecoder.scorer_file import set_parameters

ORACLE = Path(__file__).resolve().parents[2] / "../shared/oracle/decoder"
pytestmark = pytest.mark.skipif(
    not (ORACLE / "scorers").exists(), reason=f"no scorers under {ORACLE}"
)


def alphabet_of(name: str) -> Alphabet:
    if name == "bytes":
        return UTF8Alphabet()
    return Alphabet.from_labels(json.loads((ORACLE / "sets.json").read_text())[name]["labels"])


@pytest.mark.parametrize(
    ("name", "alphabet"),
    [
        ("en5", "en"),
        ("ru3", "ru"),
        ("ru_bytes", "bytes"),
        ("smoke_word", "en"),
        ("smoke_bytes", "bytes"),
    ],
)
def test_dictionary_is_upstreams(name: str, alphabet: str, tmp_path: Path) -> None:
    """A dictionary rebuilt from its own words has the same bytes, in another order."""
    path = ORACLE / f"scorers/{name}.scorer"
    labels = alphabet_of(alphabet)
    theirs = Scorer(scorer_path=path, alphabet=labels)
    words = list_words(theirs, labels)
    model = tmp_path / "lm.binary"
    content = path.read_bytes()
    model.write_bytes(content[: content.index(b"EIRT")])

    builder = Scorer()
    builder.set_alphabet(labels)
    builder.set_utf8_mode(theirs.is_utf8_mode())
    builder.reset_params(theirs.alpha, theirs.beta)
    assert builder.load_lm(model) == STT_ERR_SCORER_NO_TRIE
    assert builder.load_lm(path) == STT_ERR_OK
    builder.fill_dictionary(words)
    ours = tmp_path / "ours.scorer"
    ours.write_bytes(model.read_bytes())
    assert builder.save_dictionary(ours, append_instead_of_overwrite=True)

    again = Scorer(scorer_path=ours, alphabet=labels)
    assert again.dictionary_size() == theirs.dictionary_size(), "as small as OpenFst's"
    assert (again.alpha, again.beta) == (theirs.alpha, theirs.beta)
    assert ours.stat().st_size - 40 == path.stat().st_size, "but for the alphabet's digest"
    header = slice(len(model.read_bytes()), len(model.read_bytes()) + 25 + 25)
    assert ours.read_bytes()[header] == content[header]


def list_words(scorer: Scorer, alphabet: Alphabet) -> list[bytes]:
    content = Path(scorer._path).read_bytes()
    end = content.index(b"EIRT")
    count = np.frombuffer(content, np.int64, 3, end + 25 + 41)
    states_at = -(-(end + 25 + 65) // 16) * 16
    arcs_at = -(-(states_at + 20 * int(count[1])) // 16) * 16
    states = np.frombuffer(content, np.uint32, 5 * int(count[1]), states_at).reshape(-1, 5)
    arcs = np.frombuffer(content, np.int32, 4 * int(count[2]), arcs_at).reshape(-1, 4)
    texts = alphabet.label_bytes()
    words = []
    pending = [(int(count[0]), b"")]
    while pending:
        state, prefix = pending.pop()
        _, first, number = states[state, :3]
        if number == 0:
            words.append(prefix)
        for arc in arcs[first : first + number]:
            text = texts[arc[0] - 1]
            end_of_word = text == b" " and not scorer.is_utf8_mode()
            pending.append((int(arc[3]), prefix if end_of_word else prefix + text))
    return words


def test_hash_of_the_alphabet_is_checked(tmp_path: Path) -> None:
    labels = alphabet_of("en")
    path = ORACLE / "scorers/smoke_word.scorer"
    content = path.read_bytes()
    ours = tmp_path / "ours.scorer"
    ours.write_bytes(content[: content.index(b"EIRT")])
    builder = Scorer()
    builder.set_alphabet(labels)
    builder.fill_dictionary(list_words(Scorer(scorer_path=path, alphabet=labels), labels))
    builder.save_dictionary(ours, True)
    larger = Alphabet.from_labels([*labels.labels, "é"])
    Scorer(scorer_path=path, alphabet=larger)  # upstream's file has no digest of the alphabet
    with pytest.raises(ValueError, match="made for another alphabet"):
        Scorer(scorer_path=ours, alphabet=larger)


def test_new_defaults(tmp_path: Path) -> None:
    path = tmp_path / "some.scorer"
    original = (ORACLE / "scorers/smoke_word.scorer").read_bytes()
    path.write_bytes(original)
    set_parameters(path, 0.25, 3.5)
    scorer = Scorer(scorer_path=path, alphabet=alphabet_of("en"))
    assert (scorer.alpha, scorer.beta) == (0.25, 3.5)
    assert len(path.read_bytes()) == len(original)


def test_probabilities_depend_on_their_history() -> None:
    scorer = Scorer(scorer_path=ORACLE / "scorers/en5.scorer", alphabet=alphabet_of("en"))
    likely = scorer.get_log_cond_prob(["one", "of", "the"])
    unlikely = scorer.get_log_cond_prob(["the", "the", "the"])
    assert -5 < likely < 0
    assert unlikely < likely - 2
    assert scorer.get_log_cond_prob(["zzzzqqq"]) == -1000


def test_hot_phrases_outside_the_dictionary() -> None:
    alphabet = alphabet_of("en")
    scorer = Scorer(0.93, 1.18, ORACLE / "scorers/en5.scorer", alphabet)
    rows = []
    for label in alphabet.encode("the zorbeq state"):
        for best in (label, alphabet.blank):
            row = np.full(alphabet.size + 1, 0.1 / alphabet.size)
            row[best] = 0.9
            rows.append(row)
    probs = np.asarray(rows)
    assert (
        "zorbeq" not in ctc_beam_search_decoder(probs, alphabet, 100, scorer=scorer)[0].transcript
    )
    for hot in ({"zorbeq": 20.0}, {"zorbeq state": 20.0}):
        for name in ("hot_words", "hot_phrases"):
            [result] = ctc_beam_search_decoder(probs, alphabet, 100, scorer=scorer, **{name: hot})
            assert result.transcript == "the zorbeq state"
