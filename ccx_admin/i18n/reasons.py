"""Reasons that the gateway and the API put together: their patterns, each with its Chinese."""

from collections.abc import Mapping
from typing import Final

REASONS: Final[Mapping[str, str]] = {
    "nothing was changed: {why}": "未作更改：{why}",
    "the client {client} may not use {what}": "客户端 {client} 无权使用 {what}",
    "its context window of {window} tokens is too small for about {tokens}": "其 {window} 令牌的上下文容不下 {tokens}",
    "{model}'s context window of {window} tokens is too small for about {tokens}": (
        "{model} 的 {window} 令牌上下文容不下 {tokens}"
    ),
    "no context window is large enough, this is the largest": "没有足够大的上下文，这个最大",
    "it answers with at most {most} tokens, {wanted} are asked for": "最多回答 {most} 令牌，而请求 {wanted}",
    "the request asks for {channel}": "请求指定了 {channel}",
    "its vectors are not those of {channel}": "其向量与 {channel} 的不同",
    "does not take {kind}": "不接收 {kind}",
    "does not offer the model {model}": "不提供模型 {model}",
    "{n} failures in a row, the last: {why}": "连续失败 {n} 次，最后一次：{why}",
    "{bad} of {all} attempts failed, the last: {why}": "{all} 次尝试中 {bad} 次失败，最后一次：{why}",
    "{n} failures in a row, last {status}": "连续失败 {n} 次，最后一次 {status}",
    "open for {n} s more: {why}": "还将断开 {n} 秒：{why}",
    "half-open, a probe is under way: {why}": "半开，正在探测：{why}",
    "half-open: {why}": "半开：{why}",
    "{why}: the probe failed": "{why}：探测失败",
    "pauses for {n} s more: {why}": "还将暂停 {n} 秒：{why}",
    "the breaker pauses: {why}": "暂停中：{why}",
    "the breaker is open: {why}": "断开中：{why}",
    "the breaker is half-open: {why}": "半开：{why}",
    "key {key} for {model} is blocked: {why}": "密钥 {key} 的 {model} 已封锁：{why}",
    "key {key} for {model} rests: {why}": "密钥 {key} 的 {model} 休息中：{why}",
    "key {key} is blocked: {why}": "密钥 {key} 已封锁：{why}",
    "key {key} rests: {why}": "密钥 {key} 休息中：{why}",
    "{bad} of the last {all} attempts failed": "最近 {all} 次尝试中 {bad} 次失败",
    "{n} of {all} keys can be used": "{all} 个密钥中 {n} 个可用",
    "place {n}": "第 {n} 位",
    "wants the client's own login, and none came": "需要客户端自己的登录，但请求未携带",
    "takes only what Code Assist's clients ask": "只接收 Code Assist 客户端的请求",
    "does not speak as Code Assist does": "不使用 Code Assist 的格式",
    "the client's own login is for {channel}": "客户端自己的登录只用于 {channel}",
    "takes no images": "不接收图片",
    "is suspended": "已暂停",
    "is in the standby pool": "在备用池中",
    "speaks {protocol}, and this is not converted": "使用 {protocol} 协议，此操作不作转换",
    "did not make this answer": "此回答并非由它生成",
    "kept from this conversation by hand": "手动排除出此会话",
    "chosen for this conversation by hand": "为此会话手动选定",
    "promoted": "已设为首选",
    "mirror {mirror}: {n} requests were not mirrored: {why}": "镜像 {mirror}：{n} 个请求未镜像：{why}",
    "next by priority": "按优先级的下一个",
    "next by priority and weight": "按优先级和权重的下一个",
    "next by priority and time to the first token": "按优先级和首个令牌时间的下一个",
    "its limits are used up for the moment": "其限额暂时用尽",
    "tried last": "最后尝试",
    "{after} more would come after these, {never} can not take this request": "其后另有 {after} 个，{never} 个不能用",
    "its pause is over": "暂停已结束",
    "lifted by hand": "手动解除",
    "its configuration changed": "其配置已更改",
    "no base URL": "没有基础地址",
    "has no key for this model": "没有可用于此模型的密钥",
    "has this conversation": "此会话在这里",
    "has no route prefix": "没有路由前缀",
    "takes only {path}": "只接收 {path}",
    "the key {client} has used its {n} tokens of this day (UTC)": "密钥 {client} 已用完当日（UTC）的 {n} 令牌",
    "the key {client} has used its {usd} dollars of this month (UTC)": "密钥 {client} 已用完当月（UTC）的 {usd} 美元",
    "what is left to the key {client} may be used up by its requests under way": (
        "密钥 {client} 的余额可能被进行中的请求用完"
    ),
    "the key {client} may use {n} tokens a minute on {models}": "密钥 {client} 在 {models} 上每分钟可用 {n} 令牌",
    "the key {client} may use {n} tokens a minute": "密钥 {client} 每分钟可用 {n} 令牌",
    "the key {client} may have {n} requests of {models} at the same time": (
        "密钥 {client} 可同时有 {n} 个 {models} 请求"
    ),
    "the key {client} may have {n} requests at the same time": "密钥 {client} 可同时有 {n} 个请求",
    "the key {client} may ask {n} times a minute of {models}": "密钥 {client} 每分钟可请求 {models} {n} 次",
    "the key {client} may ask {n} times a minute": "密钥 {client} 每分钟可请求 {n} 次",
    "an idle connection was dead; trying a fresh one": "空闲连接已断开；换新连接重试",
    "it refuses what was not sent; trying once more": "它拒绝了并未发送的内容；再试一次",
    "trying without {names}": "去掉 {names} 重试",
    "a redirect is not followed": "不跟随重定向",
    "a redirect ({status}) is not followed": "不跟随重定向（{status}）",
    "closed: the probe was answered": "已恢复：探测得到回答",
    "{channel}: opened for {model}, {n} s: {why}": "{channel}: 对 {model} 断开 {n} 秒：{why}",
    "{channel}: opened for {n} s: {why}": "{channel}: 断开 {n} 秒：{why}",
    "{channel}: key {key} for {model} is blocked for {n} s: {why}": (
        "{channel}: 密钥 {key} 的 {model} 已封锁 {n} 秒：{why}"
    ),
    "{channel}: key {key} is blocked for {n} s: {why}": "{channel}: 密钥 {key} 已封锁 {n} 秒：{why}",
    "place {n}: {why}": "第 {n} 位：{why}",
}
"""A pattern's places stand for any text, which is looked up again; the first one that fits counts."""

JOINTS: Final[Mapping[str, str]] = {
    "{why}; trying once more": "{why}；再试一次",
    "{why}; the request may be at fault": "{why}；可能是请求本身的问题",
    "{why}, and so says a second key": "{why}，另一个密钥也这么说",
    "{why}, {n} s more": "{why}，还有 {n} 秒",
    "{why}; {more}": "{why}; {more}",
    "{why} ({status})": "{why} ({status})",
    "{what}: {why}": "{what}: {why}",
}
"""Looked at last: they hold known words together, and most leave an upstream's own as they are."""
