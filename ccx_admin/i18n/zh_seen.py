"""Chinese of the pages that show what happened: sessions, errors, search, alerts."""

from typing import Final

SEEN: Final[dict[str, str]] = {
    "Context of the client": "客户端附加的上下文",
    "Keep a conversation's first words as its title": "将会话的开头作为标题保留",
    "Sub-agents": "子代理",
    "The conversation, turn by turn": "逐轮会话",
    "Its words were not kept.": "其内容未保留。",
    "of": "属于",
    "Columns": "列",
    "{n} keys": "{n} 个密钥",
    "same key": "同一密钥",
    "Tried again: ": "重试：",
    ", {n} times": "，{n} 次",
    ", {n} times with {keys} keys": "，以 {keys} 个密钥共 {n} 次",
}
