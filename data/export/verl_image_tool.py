"""The image tool for verl's rollouts: draws the caption and keeps the picture for the reward."""

import base64
import io

import aiohttp
from PIL import Image
from verl.tools.base_tool import BaseTool
from verl.tools.schemas import ToolResponse


class ImageTool(BaseTool):
    async def execute(self, instance_id, parameters, **kwargs):
        body = {
            "prompt": [str(parameters.get("caption", ""))],
            "height": self.config["height"],
            "width": self.config["width"],
            "num_inference_steps": self.config["steps"],
            "guidance_scale": self.config["guidance"],
            "num_images_per_prompt": 1,
        }
        timeout = aiohttp.ClientTimeout(total=600)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            async with session.post(self.config["url"], json=body) as reply:
                reply.raise_for_status()
                images = (await reply.json())["images"]
        picture = Image.open(io.BytesIO(base64.b64decode(images[0]))).convert("RGB")
        agent = kwargs.get("agent_data")
        if agent is not None:
            # What `reward.py` finds as extra_info["pictures"].
            agent.extra_fields.setdefault("pictures", []).append(picture)
        return ToolResponse(image=[picture]), 0.0, {}
