import pytest
from sklearn.metrics import adjusted_rand_score, v_measure_score

from bench.themes import as_clusters, k_means, nights, queries
from include.voc_aggregation.grouping import theme_labels

pytestmark = pytest.mark.shared


def test_themes_are_nearer_to_the_intents_than_k_means_that_knows_how_many() -> None:
    texts, intents = queries(3000)
    ours, peer = as_clusters(theme_labels([texts])), k_means(texts, len(set(intents)))
    assert v_measure_score(intents, ours) > max(0.62, v_measure_score(intents, peer) + 0.05)
    assert adjusted_rand_score(intents, ours) > max(0.20, adjusted_rand_score(intents, peer) + 0.05)


def test_ten_nights_find_what_one_night_finds() -> None:
    texts, intents = queries(3000)
    slices = nights(texts)
    nightly, one = as_clusters(theme_labels(slices)), as_clusters(theme_labels([texts]))
    assert adjusted_rand_score(one, nightly) > 0.35
    assert v_measure_score(intents, nightly) > 0.55
    half = theme_labels(slices[:5])
    kept = [(before, after) for before, after in zip(half, theme_labels(slices), strict=False) if before]
    assert all(before == after for before, after in kept)
