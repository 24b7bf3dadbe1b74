"""Reads the simulated world's endpoints file and sends its chat roles through a proxy instead.

    coldstart endpoints example --sim URL | through_proxy.py PROXY
"""

import re
import sys

out = []
for table in re.split(r"\n(?=\[)", sys.stdin.read()):
    if table.startswith("[role.") and "openai-images" not in table:
        name = table.split("]")[0] + "]"
        table = f'{name}\nprotocol = "openai-chat"\nurls = ["{sys.argv[1]}/v1"]\nkey_env = "LITELLM_MASTER_KEY"\n'
    out.append(table)
print("\n".join(out))
