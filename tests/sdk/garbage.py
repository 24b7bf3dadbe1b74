"""Whether all that came to a stage was dropped there for a reason, and nothing failed.

    garbage.py ROLE STAGE REPORT
"""

import json
import sys

role, name, path = sys.argv[1:]
with open(path) as file:
    report = json.load(file)
stage = next(stage for stage in report["stages"] if stage["stage"] == name)
calls = report["calls"]["by_role"].get(role, {}).get("made", 0)
reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(stage["reasons"].items()))
print(f"{role}: {calls} calls; of {stage['in']} at {name} {stage['dropped']} dropped ({reasons})")
failed = sum(stage["failed"] for stage in report["stages"])
if failed or not calls or not stage["in"] or stage["passed"]:
    sys.exit(f"{role}: {failed} failed, {stage['passed']} of {stage['in']} passed {name}")
