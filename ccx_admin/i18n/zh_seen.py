"""Chinese of the pages that show what happened: sessions, errors, search, alerts."""

from typing import Final

SEEN: Final[dict[str, str]] = {
    "Context of the client": "客户端附加的上下文",
    "Keep a conversation's first words as its title": "将会话的开头作为标题保留",
    "Sub-agents": "子代理",
    "The conversation, turn by turn": "逐轮会话",
    "Its words were not kept.": "其内容未保留。",
    "of": "属于",
    "Error": "错误",
    "Views": "视图",
    "List": "列表",
    "Latency": "延迟",
    "Forms of the list": "列表的形式",
    "No search has been saved yet; what is saved, all admins see.": "尚未保存搜索；保存后所有管理员可见。",
    "Save this search for all admins": "为所有管理员保存此搜索",
    "No errors": "没有错误",
    "No request that fits this search has failed.": "符合此搜索的请求没有失败。",
    "How long answers took": "回答耗时",
    "{n} requests; darker is more; a click shows them": "{n} 个请求；颜色越深越多；点击查看",
    "Copy the link": "复制链接",
    "Columns": "列",
    "{n} keys": "{n} 个密钥",
    "same key": "同一密钥",
    "Tried again: ": "重试：",
    ", {n} times": "，{n} 次",
    ", {n} times with {keys} keys": "，以 {keys} 个密钥共 {n} 次",
}
