import pytest
from sklearn.metrics import adjusted_rand_score, v_measure_score

from bench.themes import as_clusters, k_means, kept, nights, queries
from include.voc_aggregation.grouping import theme_labels

pytestmark = pytest.mark.shared


def test_themes_are_nearer_to_the_intents_than_k_means_that_knows_how_many() -> None:
    texts, intents = queries(3000)
    ours, peer = as_clusters(theme_labels([texts])), k_means(texts, len(set(intents)))
    assert v_measure_score(intents, ours) > max(0.64, v_measure_score(intents, peer) + 0.05)
    assert adjusted_rand_score(intents, ours) > max(0.23, adjusted_rand_score(intents, peer) + 0.05)


def test_ten_nights_find_what_one_night_finds_and_keep_it() -> None:
    texts, intents = queries(3000)
    slices = nights(texts)
    found, one, peer = theme_labels(slices), as_clusters(theme_labels([texts])), k_means(texts, len(set(intents)))
    nightly = as_clusters(found)
    assert adjusted_rand_score(one, nightly) > 0.50
    assert v_measure_score(intents, nightly) > max(0.60, v_measure_score(intents, peer) + 0.05)
    assert adjusted_rand_score(intents, nightly) > max(0.19, adjusted_rand_score(intents, peer) + 0.02)
    themes, voices = kept(theme_labels(slices[:5]), found)
    assert themes == 1
    assert voices > 0.90
