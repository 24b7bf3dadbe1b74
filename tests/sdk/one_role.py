"""Reads the simulated world's endpoints file and gives one role to another server.

    one_role.py ROLE URL MODEL <endpoints.toml
"""

import re
import sys

role, url, model = sys.argv[1:]
tables = re.split(r"\n(?=\[)", sys.stdin.read())
kept = [table for table in tables if not table.startswith(f"[role.{role}]")]
own = f"""[role.{role}]
protocol = "openai-chat"
urls = ["{url}"]
model = "{model}"
max_in_flight = 2
# A model of random weights does not come to an end by itself.
extra = {{ max_tokens = 24 }}
"""
print("\n".join([*kept, own]))
