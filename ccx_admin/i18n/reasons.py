"""Reasons that the gateway and the API put together: their patterns, each with its Chinese."""

from collections.abc import Mapping
from typing import Final

REASONS: Final[Mapping[str, str]] = {
    "the client {client} may not use {what}": "客户端 {client} 无权使用 {what}",
    "its context window of {window} tokens is too small for about {tokens}": "其 {window} 令牌的上下文容不下 {tokens}",
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
    "key {key} is blocked: {why}": "密钥 {key} 已封锁：{why}",
    "key {key} rests: {why}": "密钥 {key} 休息中：{why}",
    "{bad} of the last {all} attempts failed": "最近 {all} 次尝试中 {bad} 次失败",
    "{n} of {all} keys can be used": "{all} 个密钥中 {n} 个可用",
    "place {n}": "第 {n} 位",
    "wants the client's own login, and none came": "需要客户端自己的登录，但请求未携带",
    "the client's own login is for {channel}": "客户端自己的登录只用于 {channel}",
    "takes no images": "不接收图片",
    "is suspended": "已暂停",
    "is in the standby pool": "在备用池中",
    "speaks {protocol}, and this is not converted": "使用 {protocol} 协议，此操作不作转换",
    "did not make this answer": "此回答并非由它生成",
    "kept from this conversation by hand": "手动排除出此会话",
    "chosen for this conversation by hand": "为此会话手动选定",
    "promoted": "已设为首选",
    "next by priority": "按优先级的下一个",
    "next by priority and weight": "按优先级和权重的下一个",
    "next by priority and time to the first token": "按优先级和首个令牌时间的下一个",
    "its limits are used up for the moment": "其限额暂时用尽",
    "tried last": "最后尝试",
}
"""A pattern's places stand for any text, which is looked up again."""
