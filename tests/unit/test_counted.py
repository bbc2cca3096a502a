from stt.counted import counted


def test_one_of_a_thing_has_no_plural() -> None:
    assert [counted(number, "clip") for number in range(3)] == ["0 clips", "1 clip", "2 clips"]
    assert counted(2, "class", "classes") == "2 classes"
