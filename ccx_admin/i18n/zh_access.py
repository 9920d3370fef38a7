"""Chinese: users of the panel, single sign-on, and the list of who did what."""

from collections.abc import Mapping
from typing import Final

ACCESS: Final[Mapping[str, str]] = {
    "Address": "地址",
    "Every change, and every look at a body, is written here with who it was.": "每次更改和查看正文都记录于此。",
    "Go on": "继续",
    "Log in with single sign-on": "单点登录",
    "No users yet": "还没有用户",
    "Nobody has this key.": "没有人使用此密钥。",
    "Personal data that is masked": "屏蔽的个人数据",
    "Nothing yet": "暂无记录",
    "This is a client's key; the panel wants another one.": "这是客户端的密钥；面板需要另一个密钥。",
    "Role": "角色",
    "Users": "用户",
    "Where": "位置",
    "Who did what": "操作记录",
    "You are logged in.": "已登录。",
    "You may look at everything, and not change it.": "您可以查看一切，但不能更改。",
    "Your key": "您的密钥",
    "in ccx.yaml, below users; the admin key is one more, who may do everything": (
        "位于 ccx.yaml 的 users 之下；管理密钥另算，可执行一切操作"
    ),
    "edits": "可编辑",
    "sees": "只查看",
}
DID: Final[Mapping[str, str]] = {
    "A new channel": "新建渠道",
    "A new client": "新建客户端",
    "A new receiver": "新建告警接收方",
    "Change a receiver: merge patch": "更改告警接收方",
    "Tell a receiver no more": "删除告警接收方",
    "Add keys at the end of the list; those the channel has already are left out": "在列表末尾添加密钥",
    "Change a client: merge patch": "更改客户端",
    "Change a key: merge patch": "更改密钥",
    "Change policy or prices: merge patch, null brings a default back": "更改策略或价格",
    "Change settings: a JSON merge patch, null brings a default back": "更改渠道设置",
    "Delete a channel": "删除渠道",
    "Delete a client; its key is refused within a second": "删除客户端",
    "Delete a key": "删除密钥",
    "Delete every captured body now": "删除所有已保存的正文",
    "First choice for a while, five minutes if not said otherwise": "设为首选一段时间",
    "Into the standby pool": "移入备用池",
    "Let the scheduler decide again": "恢复由调度器决定",
    "Listed, but not used": "暂停渠道",
    "Looked at bodies": "查看了正文",
    "Pin a conversation to channels, or keep it from some": "将会话固定到渠道或排除渠道",
    "Put a kept version back": "恢复旧版本",
    "Save the whole text": "保存整个文件",
    "Send one prompt through the gateway; the answer comes as events while it is made": "在试验台发送提示",
    "Send the captured request through the gateway again; the new one is logged with source ``test``": "重发请求",
    "Ask each model, in each protocol, for text, a stream, a tool call and a picture's colour": "能力测试",
    "Ask nothing more": "停止能力测试",
    "Forget failures, open breakers and cooldowns of the channel, in all kinds or in one": "重置渠道状态",
    "Forget one of them, those of a model, or all: the next request is sent whole": "忘记已学到的拒绝",
    "How long name, connection, TLS and an answer take, for each base URL": "测量渠道延迟",
    "One minimal request to the upstream; it costs a few tokens and is logged with source ``test``": "测试渠道",
    "Set the priorities to this order; channels that are not named come after": "更改渠道顺序",
    "Take back the one change that led to a version; what was changed later stays": "撤销一次更改",
    "The same change of many channels at once, as one change of the file; or what it would be": "批量更改渠道",
    "Another key for a client, beside the old one for a while (a day, if not said otherwise)": (
        "给客户端另一个密钥，旧密钥暂时仍有效（未另行指定时为一天）"
    ),
    "A new secret before this one, with its settings; both are in use for a while (a day, if not said otherwise)": (
        "更换密钥"
    ),
    "Save a search; the one with this name before is replaced": "保存搜索",
    "Forget a saved search": "删除保存的搜索",
    "Use it again": "恢复使用渠道",
    "Use a blocked or resting key again, carefully: its breaker is half-open": "恢复使用密钥",
}
"""What the list of who did what calls an operation of the API: the first sentence of its summary."""
