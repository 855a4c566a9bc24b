"""Vectors on a GPU. Without one, faiss's index in main memory stands in for it: it has the same interface,
and takes no mask here either.
"""

import logging
from types import SimpleNamespace

import faiss
import numpy as np
import pytest

from rag.index import gpu
from rag.index.gpu import OnGpu, on_gpu
from rag.index.vectors import Clustered, Flat

D, N = 16, 3000
RNG = np.random.default_rng(5)


def unit(n):
    rows = RNG.normal(size=(n, D)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


VECTORS = unit(N).astype(np.float16)


@pytest.fixture
def flat():
    made = Flat(D)
    made.add(VECTORS)
    return made


@pytest.fixture
def clustered():
    made = Clustered.of(VECTORS, N)
    made.add(VECTORS)
    return made


@pytest.fixture
def one_gpu(monkeypatch):
    """A machine that says it has a GPU with ``free`` bytes."""

    def machine(free, clone=lambda index, co, ngpu: index):
        monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
        monkeypatch.setattr(faiss, "getFreeMemory", lambda _: free, raising=False)
        monkeypatch.setattr(faiss, "GpuMultipleClonerOptions", SimpleNamespace, raising=False)
        monkeypatch.setattr(faiss, "index_cpu_to_gpus_list", clone)

    return machine


def assert_best(found, query, k, allowed=None):
    rows, cosines = found
    exact = VECTORS.astype(np.float32) @ query
    mine = np.arange(N) if allowed is None else np.flatnonzero(allowed)
    want = mine[np.argsort(-exact[mine])][:k]
    assert rows.tolist() == want.tolist()
    np.testing.assert_allclose(cosines, exact[want], atol=1e-3)


@pytest.mark.parametrize("share", [None, 1.0, 0.5, 0.1, 0.01, 0.001, 0.0])
def test_a_mask_is_laid_over_what_comes(flat, one_gpu, share):
    one_gpu(1 << 40)
    made = on_gpu(flat, D)
    assert isinstance(made, OnGpu)
    assert (len(made), made.exact) == (N, True)
    for query in unit(5):
        allowed = None if share is None else RNG.random(N) < share
        assert_best(made.search(query, 10, allowed), query, 10, allowed)
    np.testing.assert_array_equal(made.at(np.array([7, 3])), VECTORS[[7, 3]].astype(np.float32))


def test_rows_that_lie_unevenly_are_found_by_the_host(flat, one_gpu):
    one_gpu(1 << 40)
    made, query = on_gpu(flat, D), unit(1)[0]
    order = np.argsort(VECTORS.astype(np.float32) @ query)
    allowed = np.zeros(N, np.bool_)
    allowed[order[: N // 2]] = True  # the farther half
    assert_best(made.search(query, 10, allowed), query, 10, allowed)


def test_what_does_not_fit_as_it_is_goes_in_clusters(clustered, one_gpu):
    one_gpu(gpu.RESERVE + N * D * 2 - 1)
    made = on_gpu(clustered, D)
    assert isinstance(made, OnGpu)
    assert not made.exact
    query = unit(1)[0]
    assert set(made.search(query, 5, None)[0]) <= set(range(N))


def test_what_does_not_fit_at_all_stays(clustered, flat, one_gpu, caplog):
    one_gpu(gpu.RESERVE + 1000)
    with caplog.at_level(logging.WARNING):
        assert on_gpu(clustered, D) is clustered
        assert on_gpu(flat, D) is flat
    assert f"{N} vectors stay in main memory, not on the GPU: 0 MiB are free" in caplog.text


def test_a_gpu_that_has_no_room_after_all(flat, one_gpu, caplog):
    def full(index, co, ngpu):
        raise RuntimeError("cudaMalloc error out of memory [2]")

    one_gpu(1 << 40, full)
    with caplog.at_level(logging.WARNING):
        assert on_gpu(flat, D) is flat
    assert "out of memory" in caplog.text


def test_without_a_gpu_they_stay(flat):
    if faiss.get_num_gpus():
        pytest.skip("there is a GPU")
    assert on_gpu(flat, D) is flat


@pytest.mark.gpu
def test_values_on_a_real_gpu(flat):
    if not faiss.get_num_gpus():
        pytest.skip("there is no GPU")
    made = on_gpu(flat, D)
    assert isinstance(made, OnGpu)
    for query in unit(20):
        assert_best(made.search(query, 10, None), query, 10)
