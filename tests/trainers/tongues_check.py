"""What is no trainer's, by its own readers: Croissant beside the shards and in an export of form `hf` (mlcroissant), the pages
of the shards (pyarrow), and exports of form `atif` (NeMo Agent Toolkit's models of ATIF).

usage: tongues_check.py DATASET HF_EXPORT ATIF_EXPORT...
"""

import glob
import json
import logging
import os
import sys

import mlcroissant
import pyarrow.parquet as pq
from nat.atif import Trajectory

logging.disable(logging.WARNING)


def croissant(folder):
    """Valid but for a date, which no rebuild could repeat; its records are the rows."""
    path = os.path.join(folder, "croissant.json")
    data = mlcroissant.Dataset(jsonld=path)
    issues = data.metadata.ctx.issues
    assert not issues.errors, issues.report()
    assert all("datePublished" in warning for warning in issues.warnings), issues.report()
    with open(path) as file:
        document = json.load(file)
    assert document["prov:wasDerivedFrom"] and document["prov:wasGeneratedBy"], "no provenance"
    counts = {}
    for records in data.metadata.record_sets:
        rows = list(data.records(records.id))
        names = {name.split("/")[-1] for name in rows[0]} if rows else set()
        assert not rows or {"id", "prompt", "outcome"} <= names, names
        counts[records.id] = len(rows)
    print("croissant:", os.path.basename(folder), counts, "records, valid")
    return sum(counts.values())



def pages(shards):
    """Every column has an index, and the footer tells of pages that end by content."""
    for shard in shards:
        metadata = pq.read_metadata(shard)
        assert b"content_defined_chunking" in metadata.metadata, shard
        for group in range(metadata.num_row_groups):
            row_group = metadata.row_group(group)
            assert row_group.total_byte_size < 100 << 20, "larger than the hub's viewer wants"
            for column in range(row_group.num_columns):
                assert row_group.column(column).has_offset_index, (shard, column)
    print("pyarrow:", len(shards), "shards, pages indexed and cut by content")


def atif(folder):
    report = json.load(open(os.path.join(folder, "export.json")))
    for split, sums in report["splits"].items():
        images = 0
        paths = sorted(glob.glob(os.path.join(folder, split, "*", "*.json")))
        for path in paths:
            with open(path, encoding="utf-8") as file:
                trajectory = Trajectory.model_validate_json(file.read())
            assert trajectory.schema_version == "ATIF-v1.7"
            calls = 0
            for step in trajectory.steps:
                calls += len(step.tool_calls or [])
                for result in step.observation.results if step.observation else []:
                    for part in result.content:
                        if part.type == "image":
                            assert os.path.isfile(os.path.join(os.path.dirname(path), part.source.path))
                            images += 1
            assert calls >= 1, path
        assert (len(paths), images) == (sums["rows"], sums["images"]), (len(paths), images, sums)
    print("atif:", os.path.basename(folder), sum(s["rows"] for s in report["splits"].values()), "trajectories")


def main(dataset, hf, *exports):
    shards = sorted(glob.glob(os.path.join(dataset, "*.parquet")))
    # A folder that the tests built has shards and no description.
    if os.path.exists(os.path.join(dataset, "croissant.json")):
        rows = sum(pq.read_metadata(shard).num_rows for shard in shards)
        assert croissant(dataset) == rows
    croissant(hf)
    pages(shards + sorted(glob.glob(os.path.join(hf, "data", "*.parquet"))))
    for export in exports:
        atif(export)


if __name__ == "__main__":
    main(*map(os.path.abspath, sys.argv[1:]))
