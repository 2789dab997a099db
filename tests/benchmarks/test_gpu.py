"""benchmarks.gpu at tiny sizes on whatever device is here: every part writes its rows."""

import csv
import dataclasses

import torch

from benchmarks.gpu import speed
from benchmarks.gpu.__main__ import main
from benchmarks.gpu.clock import milliseconds, operations, top_kernels
from benchmarks.gpu.speed import choices
from benchmarks.gpu.systems import NETWORKS
from benchmarks.gpu.table import Table


def test_every_part_writes_its_rows(tmp_path):
    main([str(tmp_path), "--tiny", "--seconds", "40", "--cases", "diffdub/sequence"])
    with (tmp_path / "gpu.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["part"] for row in rows} == {"a", "b", "e"}
    assert {row["system"] for row in rows if row["part"] == "b"} == {"diffdub", "diffused_heads"}
    assert all(float(row["value"]) < 1e-4 for row in rows if row["part"] == "a")
    assert all(float(row["value"]) > 0 for row in rows if "frames a second" in row["what"])
    text = (tmp_path / "gpu.md").read_text(encoding="utf-8")
    assert "not run on the device: none" in text


def test_what_does_not_fit_into_the_time_is_said(tmp_path):
    main([str(tmp_path), "--tiny", "--seconds", "0", "--parts", "be"])
    text = (tmp_path / "gpu.md").read_text(encoding="utf-8")
    assert "b: diffdub renderer UNet batch 1, float32, contiguous: no time left" in text
    assert "e: diffused_heads UNet batch 2, bfloat16: no time left" in text


def test_the_published_way_comes_first_and_nothing_twice():
    found = choices((1, 4, 16, 64))
    assert found[0] == (1, "float32", "contiguous")
    assert len(set(found)) == len(found)
    assert {batch for batch, _, _ in found} == {1, 4, 16, 64}
    assert (1, "tf32", "contiguous") in found
    assert all((batch, "bfloat16", "contiguous") in found for batch in (1, 4, 16, 64))


def test_where_a_goal_is_missed_the_fastest_settings_are_profiled(tmp_path, monkeypatch):
    sequence = next(row for row in NETWORKS if row.network.startswith("sequence"))
    monkeypatch.setattr(speed, "NETWORKS", (dataclasses.replace(sequence, goal=1e12),))
    main([str(tmp_path), "--tiny", "--parts", "b"])
    with (tmp_path / "gpu.csv").open(encoding="utf-8") as lines:
        rates = {row["settings"]: float(row["value"]) for row in csv.DictReader(lines) if "a second" in row["unit"]}
    text = (tmp_path / "gpu.md").read_text(encoding="utf-8")
    assert f"b: diffdub {sequence.network} {max(rates, key=rates.get)}: kernels" in text
    assert text.count(" ms in all") == 1


def test_kernels_are_in_the_order_of_the_time_they_take_themselves():
    large, small = torch.ones(600, 600), torch.ones(4)
    lines = top_kernels(lambda: (large @ large, small.sin()), count=3).splitlines()
    times = [float(line.split(" ms")[0]) for line in lines]
    assert len(lines) == 4
    assert "mm" in lines[1]
    assert times[1:] == sorted(times[1:], reverse=True)
    assert sum(times[1:]) <= times[0] + 0.02


def test_arithmetic_is_counted_and_time_taken(tmp_path):
    layer = torch.nn.Linear(8, 4, bias=False)
    inputs = torch.ones(2, 8)
    assert operations(lambda: layer(inputs)) == 2 * 2 * 8 * 4
    assert milliseconds(lambda: layer(inputs), torch.device("cpu"), seconds=0.01) > 0


def test_the_table_is_whole_after_each_part(tmp_path):
    table = Table(tmp_path)
    table.add("b", "some", "network", "batch 1", 1.23456, "ms", "5")
    table.write()
    assert "| b | some | network | batch 1 | 1.235 | ms | 5 |" in (tmp_path / "gpu.md").read_text(encoding="utf-8")
