"""Words and subtitles."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest

from coqui_stt_ctcdecoder import Alphabet, ctc_beam_search_decoder
from stt.decoding import tokens_of
from stt.live import LiveTranscriber
from stt.metadata import TokenMetadata
from stt.subtitles import LINE_CHARACTERS, cues_of, format_srt, format_tsv, format_txt, format_vtt
from stt.words import Word, is_unspaced, join_words, words_of
from stt_models import SENTENCE, needs_oracle, speech, trained


def tokens(text, step=0.1, confidence=0.5):
    return [
        TokenMetadata(character, index, index * step, confidence)
        for index, character in enumerate(text)
    ]


def test_words_meet_in_the_middle_of_the_space_or_begin_a_little_before_their_first_letter():
    held = [
        TokenMetadata(text, round(50 * start), start, 0.5, duration)
        for text, start, duration in (
            *(("h", 0.0, 0.02), ("e", 0.1, 0.06), (" ", 0.2, 0.04)),
            *(("i", 0.24, 0.02), ("s", 0.3, 0.06), (" ", 0.4, 0.02), ("a", 0.9, 0.04)),
        )
    ]
    times = [(word.text, word.start_time, word.end_time) for word in words_of(held)]
    assert times == [
        ("he", 0.0, pytest.approx(0.22)),
        ("is", pytest.approx(0.22), pytest.approx(0.41)),
        ("a", pytest.approx(0.84), pytest.approx(0.94)),
    ]


@needs_oracle
def test_every_word_lasts_and_ends_before_the_next_one_starts():
    metadata = trained().stt_with_metadata(speech())
    words = words_of(metadata.transcripts[0].tokens)
    assert join_words(words) == SENTENCE
    assert all(word.duration > 0 for word in words)
    for word, following in itertools.pairwise(words):
        assert word.end_time <= following.start_time
    assert words[-1].end_time <= len(speech()) / 16000 + 0.02


def test_runs_of_spaces_make_no_words():
    assert [word.text for word in words_of(tokens("  a   b "))] == ["a", "b"]
    assert words_of(tokens("   ")) == []
    assert words_of([]) == []


def test_confidence_is_the_geometric_mean():
    letters = [TokenMetadata("a", 0, 0, 0.9), TokenMetadata("b", 1, 0.02, 0.4)]
    assert abs(words_of(letters)[0].confidence - 0.6) < 1e-9


def test_scripts_without_spaces_are_cut_into_characters_and_joined_again():
    words = words_of(tokens("我们 go去"))
    assert [word.text for word in words] == ["我", "们", "go", "去"]
    assert join_words(words) == "我们 go去"


def sentence(count, gap=0.3, start=0.0):
    return [Word(f"word{i}", start + i * gap, start + i * gap + 0.2, 0.9) for i in range(count)]


def test_cues_are_short_ordered_and_complete():
    words = sentence(60) + sentence(10, start=30)
    cues = cues_of(words)
    assert " ".join(cue.text for cue in cues) == " ".join(word.text for word in words)
    for cue, following in itertools.pairwise(cues):
        assert cue.start_time < cue.end_time <= following.start_time
    assert all(len(cue.text) <= 2 * LINE_CHARACTERS + 1 for cue in cues)
    assert any(cue.start_time == 30 for cue in cues)  # a pause starts a new cue


def test_a_pause_that_word_times_do_not_show_ends_a_cue():
    words = sentence(6)
    words[4] = replace(words[4], after_pause=True)
    assert [len(cue.text.split()) for cue in cues_of(words)] == [4, 2]


def test_files_have_their_formats():
    words = [*sentence(3), Word("<&>", 3661.5, 3662.0, 0.9)]
    srt = format_srt(words)
    assert srt.startswith("1\n00:00:00,000 --> 00:00:01,000\nword0 word1 word2\n\n2\n01:01:01,500")
    vtt = format_vtt(words)
    assert vtt.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n")
    assert "&lt;&amp;&gt;" in vtt
    assert format_tsv(words).splitlines()[1] == "0\t1000\tword0 word1 word2"
    assert format_txt(words) == "word0 word1 word2\n<&>\n"
    assert format_srt([]) == format_txt([]) == ""
    assert all(
        re.fullmatch(r"\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}", line)
        for line in srt.splitlines()
        if "-->" in line
    )


@needs_oracle
def test_one_long_utterance_is_what_stt_gives():
    live = LiveTranscriber(trained(), pause_seconds=None)
    assert list(live.feed(speech())) == []
    assert live.current().text in SENTENCE
    final = live.finish()
    assert final.is_final
    assert final.text == trained().stt(speech())
    assert [word.text for word in final.words] == SENTENCE.split()


@needs_oracle
def test_utterances_end_at_pauses_and_times_go_on():
    import numpy as np

    live = LiveTranscriber(trained("cpu_n64_float"), pause_seconds=0.5)
    quiet = np.zeros(5 * 16000, np.int16)
    finals = [*live.feed(speech()), *live.feed(quiet), *live.feed(speech()), live.finish()]
    texts = " ".join(utterance.text for utterance in finals)
    assert texts.count("dark suit in greasy wash water") == 2
    starts = [word.start_time for utterance in finals for word in utterance.words]
    assert starts == sorted(starts)
    assert max(starts) > 7


@pytest.mark.parametrize(
    ("texts", "unspaced"),
    [
        (["今日はいい天気ですね。"], True), (["ខ្ញុំស្រឡាញ់កម្ពុជា", "OK"], True), (["ผม ชื่อ"], True),
        (["나는 학교에 간다"], False), (["Tôi yêu 越南"], False), ([], False), (["12"], False),
    ],
)  # fmt: skip
def test_scripts_without_spaces_are_known(texts, unspaced):
    assert is_unspaced(texts) is unspaced


def test_a_letter_and_its_accent_are_one_token():
    alphabet = Alphabet.from_labels(" e\u0301a")
    posteriors = np.full((6, 5), 0.02, np.float32)
    for frame, label in enumerate((1, 4, 2, 0, 3, 4)):
        posteriors[frame, label] = 0.92
    [reading] = ctc_beam_search_decoder(posteriors, alphabet, 20)
    found = tokens_of(reading, posteriors, alphabet, 0.02)
    assert reading.transcript == "".join(token.text for token in found) == "\u00e9 a"
    assert [token.text for token in found] == ["\u00e9", " ", "a"]
    first = found[0]
    assert (first.timestep, first.start_time) == (0, 0.0)
    assert first.duration == pytest.approx(0.06)
    assert first.confidence == pytest.approx(0.92)
