"""Chinese: help texts of settings, reasons of the gateway, errors of the panel."""

from collections.abc import Mapping
from typing import Final

HELP: Final[Mapping[str, str]] = {
    "OpenID Connect provider that people of the panel use": "面板用户使用的 OpenID Connect 提供方",
    "role of people whom only the provider knows; empty: nobody else comes in": "仅提供方认识的人的角色；空：不允许",
    "the claim that is the name of a user": "作为用户名的声明",
    "the panel's secret there; empty: it has none": "面板在提供方的密钥；空：没有",
    "what the provider knows the panel as": "面板在提供方的客户端 ID",
    "PostgreSQL in which the log and the state of several machines are; empty: a file in CCX_DATA_DIR": (
        "存放多台机器的日志与状态的 PostgreSQL；留空：CCX_DATA_DIR 中的一个文件"
    ),
    "name of this machine among several, as the panel shows it; empty: its host's name": (
        "本机在多台机器中的名称，显示于面板；空：主机名"
    ),
    "where the configuration comes from: each machine's own file, or the newest version in CCX_DATABASE_URL,"
    " which every machine writes to its file": (
        "配置来自何处：每台机器自己的文件，或 CCX_DATABASE_URL 中的最新版本（各机器会写入自己的文件）"
    ),
    "seals the configuration in CCX_DATABASE_URL, with the keys that are written in it; the same on all machines."
    " Several, with commas: the first seals, each opens. Empty: it is there as it is": (
        "加密存放在 CCX_DATABASE_URL 中的配置（连同其中写明的密钥）；所有机器须相同。"
        "可用逗号写多个：第一个用于加密，每个都可解密。空：原样存放"
    ),
    "Valkey or Redis in which the workers of several machines agree about limits; empty: CCX_DATABASE_URL, if set": (
        "多台机器的工作进程用来共同计算限额的 Valkey 或 Redis；空：用 CCX_DATABASE_URL（若已设）"
    ),
    "seconds a request waits for what decides about limits, Valkey or else PostgreSQL, before its worker's own"
    " share decides": ("请求等待限额裁决（Valkey，否则 PostgreSQL）的秒数，超过后由工作进程按自己的份额决定"),
    "No slash at the end of the host: it would keep Cherry Studio from adding /v1.": (
        "主机末尾不要加斜杠：否则 Cherry Studio 不会添加 /v1。"
    ),
    "path below which a reverse proxy mounts the gateway, like /ccx": "反向代理挂载网关的路径，例如 /ccx",
    "part of failures in the window that opens": "窗口内触发断开的失败比例",
    "Plain http works for localhost only. The login with a Google account goes past the gateway.": (
        "纯 http 仅适用于 localhost。使用 Google 账号登录会绕过网关。"
    ),
    "Set ANTHROPIC_AUTH_TOKEN or ANTHROPIC_API_KEY, not both. settings.json wins over the shell; /status "
    "shows what is in force.": (
        "设置 ANTHROPIC_AUTH_TOKEN 或 ANTHROPIC_API_KEY 之一，不要同时设置。settings.json 优先于 shell；/"
        "status 显示当前生效的值。"
    ),
    "seconds open the first time; doubled each time": "首次断开的秒数；每次加倍",
    "The address is the root: with /v1 at its end, requests would go to /v1/v1/messages.": (
        "地址为根地址：若以 /v1 结尾，请求会发往 /v1/v1/messages。"
    ),
    'The provider cannot be named "openai", and a project\'s own config.toml cannot set it.': (
        '供应商不能命名为 "openai"，且项目自身的 config.toml 不能设置它。'
    ),
    "openai(model) asks /v1/responses, openai.chat(model) asks /v1/chat/completions.": (
        "openai(model) 请求 /v1/responses，openai.chat(model) 请求 /v1/chat/completions。"
    ),
    "TCP and TLS set-up": "建立 TCP 与 TLS",
    "added to the upstream request": "添加到上游请求",
    "address to listen on": "监听地址",
    "attempts of one request that took an upstream's time": "单个请求中占用上游时间的尝试次数",
    "further attempts that were refused at once: no connection, or the key": (
        "另加立即被拒绝的尝试次数：无法连接，或密钥被拒"
    ),
    "an error inside a 200": "200 中包含错误",
    "ask for the priority service tier": "请求优先服务等级",
    "certificate chain: serve HTTPS, with HTTP/2, on the public port": "证书链：在公共端口提供 HTTPS（含 HTTP/2）",
    "certificates to trust for this channel": "此渠道信任的证书",
    "check the upstream's certificate": "校验上游证书",
    "connecting took too long": "连接耗时过长",
    "connection closed before an answer": "回答之前连接已关闭",
    "cost relative to the list price": "相对于标价的费用",
    "connections that each worker keeps ready to its first address: a new client's first request pays no handshake": (
        "每个 worker 与其首个地址保持就绪的连接数：新客户端的首个请求无需握手"
    ),
    "could not connect": "无法连接",
    "days that bodies are kept": "正文保留天数",
    "most that kept bodies take on the disk": "保留的正文最多占用的磁盘空间",
    "days that request rows are kept": "请求记录保留天数",
    "does not offer this model": "不提供此模型",
    "does not take this kind of request, or is not active": "不接收此类请求，或未启用",
    "folder of the database": "数据库目录",
    "further host names under which the panel is opened": "打开面板的其他主机名",
    "has another route prefix": "路由前缀不同",
    "has no usable key": "没有可用密钥",
    "has this conversation": "持有此会话",
    "how an effort is written": "推理强度的写法",
    "how log lines look": "日志格式",
    "how much is logged": "日志详细程度",
    "how the key is sent; auto: as the protocol's vendor wants it": "密钥的发送方式；auto：按协议厂商的要求",
    "headers of clients that go on to the upstream, beside those that its protocol knows": (
        "除协议已知的请求头外，转发给上游的客户端请求头"
    ),
    "http://, https://, socks5:// or socks5h:// address; none: no proxy; nothing: as HTTPS_PROXY and NO_PROXY say": (
        "http://、https://、socks5:// 或 socks5h:// 地址；none：不用代理；留空：按 HTTPS_PROXY 与 NO_PROXY"
    ),
    "is not the channel asked for by x-ccx-channel": "不是 x-ccx-channel 指定的渠道",
    "is promoted": "已设为首选",
    "its own limits are used up": "自身限额已用尽",
    "the limits of its key are used up": "其密钥的限额已用尽",
    "another worker is trying it": "另一工作进程正在试探",
    "another worker tries just now whether it is well": "另一工作进程正在试探其是否恢复",
    "the key's own limits are used up, another key's are not": "该密钥自身限额已用尽，另一密钥尚有余量",
    "the gateway would not send this request": "网关拒绝发送此请求",
    "its private key, when it is in a file of its own": "其私钥（若在单独的文件中）",
    "key of the client named default": "default 客户端的密钥",
    "key of the panel and of /api": "面板和 /api 的密钥",
    "largest request body, also unpacked": "最大请求正文（含解压后）",
    "length of the vectors; 0: unknown": "向量长度；0：未知",
    "loopback port between gateway and panel; 0: any free one": "网关与面板之间的回环端口；0：任意空闲端口",
    "loopback port of run.py mitmweb; 0: any free one": "run.py mitmweb 的回环端口；0：任意空闲端口",
    "password of mitmweb; empty: a new one each time": "mitmweb 的密码；留空：每次生成新的",
    "model of a minimal call; none: ask for the models list": "最小调用所用模型；无：请求模型列表",
    "model pattern -> effort set on requests that name none": "模型模式 -> 对未指定强度的请求设置的强度",
    "most tokens one answer may have; 0: unknown": "单个回答的最大令牌数；0：未知",
    "name of the vector space; empty: the upstream model's name": "向量空间名称；空：上游模型名",
    "networks whose X-Forwarded-For, -Proto, -Host and -Prefix count": (
        "信任其 X-Forwarded-For、-Proto、-Host 和 -Prefix 的网络"
    ),
    "never gets requests with images": "从不接收含图片的请求",
    "no answer in time": "未按时回答",
    "no content in time": "未按时产生内容",
    "no secure connection": "无法建立安全连接",
    "only /PREFIX/v1/... reaches it": "仅 /PREFIX/v1/... 可达",
    "whose login its upstream sees: one of its keys, or the client's own, which is passed on and never kept": (
        "上游看到谁的登录：渠道的某个密钥，或客户端自己的登录（原样转发，从不保存）"
    ),
    "client that programs on this machine are which send a login of their own and no key; empty: none."
    " Never behind a proxy on the same machine": (
        "本机上只带自己登录而无密钥的程序所属的客户端；留空：无。切勿用于同机代理之后"
    ),
    "Python file with own rules, such as config/hooks.py; empty: there are none": (
        "含自定义规则的 Python 文件，例如 config/hooks.py；留空：无"
    ),
    "milliseconds that one of the rules may take": "每条规则可用的毫秒数",
    "personal data that its upstream does not see, put back in the answer: email, phone, card, iban": (
        "上游看不到、并在回答中还原的个人数据：email、phone、card、iban"
    ),
    "OpenTelemetry collector (OTLP/HTTP) that gets a span a request": (
        "接收每个请求 span 的 OpenTelemetry 收集器（OTLP/HTTP）"
    ),
    "headers for it: name=value,name=value": "发送给它的标头：name=value,name=value",
    "name of the service in its spans": "span 中的服务名",
    "also send what is asked and answered": "同时发送提问与回答的内容",
    "origins of browser clients; none by default": "浏览器客户端的来源；默认无",
    "path of the configuration": "配置文件路径",
    "proxy processes that share the port; auto: one a core": "共享端口的代理进程数；auto：每核一个",
    "public port; 0: any free one": "公共端口；0：任意空闲端口",
    "rate limited": "被限速",
    "requests at the same time; 0: no limit": "并发请求数；0：不限",
    "requests per minute; 0: no limit": "每分钟请求数；0：不限",
    "rests after failures: tried last": "失败后休息：最后尝试",
    "the gateway has no memory left for the answer": "网关没有内存存放该回答",
    "bodies a worker keeps in memory; over it, new ones wait": "每个进程在内存中保留的正文；超出时新请求等待",
    "run the panel": "运行面板",
    "seconds an idle upstream connection is kept for the next request": "空闲的上游连接为下一个请求保留的秒数",
    "seconds an idle client connection is kept": "空闲客户端连接的保持秒数",
    "seconds between two checks": "两次检查之间的秒数",
    "seconds for a head and for a pause in a body": "请求头及正文停顿的秒数",
    "seconds for a whole request body": "整个请求正文的秒数",
    "seconds for a whole exchange until it is committed": "整个请求在提交前的秒数",
    "seconds of silence inside a stream": "流中静默的秒数",
    "seconds that running streams may take to finish": "进行中的流完成所允许的秒数",
    "seconds to set up a connection": "建立连接的秒数",
    "seconds until a stream means something": "流产生有效内容前的秒数",
    "seconds until an answer's head is complete; 0: 300 for a stream, REQUEST_TIMEOUT for JSON": (
        "响应头完整前的秒数；0：流为 300，JSON 为 REQUEST_TIMEOUT"
    ),
    "seconds of silence after which a stream's client gets a comment; 0: never": (
        "流静默多少秒后向客户端发送一条注释；0：从不"
    ),
    "silence after which a client gets a comment in its stream, also while a model thinks; three times as long while"
    " nobody answers; 0: never": (
        "静默多久后向客户端的流发送一条注释，模型思考时也发；尚无上游应答时为三倍时长；0：从不"
    ),
    "share of the load among channels of one priority, with balance: weight": "同优先级间的负载份额（balance: weight）",
    "silence inside a stream": "流中的静默",
    "silence inside a stream while a tool call is open or the model thinks": "工具调用进行中或模型思考时流的静默",
    "takes no images, or its context window is too small": "不接收图片，或上下文窗口太小",
    "text verbosity set on requests that name none": "对未指定详细程度的请求设置的值",
    "the answer broke off": "回答中断",
    "the answer could not be read": "无法读取回答",
    "the answer has no content": "回答没有内容",
    "the answer is not usable": "回答不可用",
    "the client left": "客户端离开",
    "the conversion would lose something": "转换会丢失内容",
    "the request could not be written safely": "该请求无法安全地发出",
    "the key is refused": "密钥被拒绝",
    "the key is revoked": "密钥已被吊销",
    "the key's account is shut out": "密钥的账户被停用",
    "the request is more than the key's limits allow": "请求超过密钥的限额",
    "the request is too large for the upstream": "请求对上游过大",
    "the upstream does not serve this place": "上游不服务此地区",
    "the key may not use this model": "密钥无权使用此模型",
    "the key's account is asked too often": "密钥的账户请求过于频繁",
    "the key's balance or quota is used up": "密钥的余额或配额已用尽",
    "the model cannot do what is asked": "模型无法完成所请求的内容",
    "the prompt is too long for this model": "提示词对该模型过长",
    "the relay has nobody for this model": "中转站没有该模型的账户",
    "the same while a tool call is open or the model thinks": "同上，工具调用进行中或模型思考时",
    "the same, while comments and pings come": "同上，期间有注释和心跳",
    "the same, while comments and pings show that the upstream lives": "同上，期间注释和心跳表明上游存活",
    "the stream began with an error": "流以错误开始",
    "the stream broke after it had begun": "流开始后中断",
    "the time for the whole request is over": "整个请求的时间已用尽",
    "the mirror's time is over": "镜像的时间已用尽",
    "the gateway stopped before there was an answer": "网关在得到回答之前停止",
    "mitmweb shows what mirrors ask, too": "mitmweb 也显示镜像发出的请求",
    "the gateway had other things to do": "网关正忙",
    "its requests a minute or at the same time were used up": "每分钟或同时进行的请求数已用尽",
    "its tokens or dollars of the day are used up": "当日的令牌或费用已用尽",
    "its channel's limits were used up, no key of it was usable, or it takes no pictures": (
        "其渠道的限额已用尽、没有可用密钥，或不接收图片"
    ),
    "what they refer to is kept by the upstream that was asked": "所引用的内容只保存在原上游",
    "the upstream does not have this model": "上游没有此模型",
    "the upstream does not have this path": "上游没有此路径",
    "the upstream does not know a field of the request": "上游不认识请求中的某个字段",
    "the upstream failed": "上游失败",
    "it is refused what others answer": "被拒绝，而其他密钥或渠道能回答",
    "the upstream forbids this": "上游禁止此操作",
    "the upstream has no account left": "上游没有可用账户",
    "the upstream is overloaded": "上游过载",
    "the upstream refuses the request": "上游拒绝该请求",
    "the upstream refuses the request and does not say why": "上游拒绝该请求且未说明原因",
    "the upstream refuses this content": "上游拒绝此内容",
    "the upstream stopped sending": "上游停止发送",
    "the whole exchange, all attempts together": "整个请求，所有尝试合计",
    "tokens of prompt and answer together; 0: unknown": "提示词与回答的令牌总数；0：未知",
    "until a stream's first meaningful event": "直到流的首个有效事件",
    "until the response head is complete; 0: 300 for a stream, the whole exchange for JSON": (
        "直到响应头完整；0：流为 300，JSON 为整个交互"
    ),
    "what to do when a conversion would lose something": "当转换会丢失内容时的做法",
    "bodies that mitmweb holds in memory; the oldest go first": "mitmweb 在内存中保留的正文；最旧的先清除",
    "which exchanges keep their bodies": "哪些请求保留正文",
    "a conversation's first words are kept as its title, where any bodies are kept": "保存正文时，会话开头作为标题",
    "which of its keys comes first": "先使用哪个密钥",
    "taken out by hand": "手动停用",
    "in the standby pool": "在备用池中",
    "no key can be used now": "目前没有可用密钥",
    "has no key": "没有密钥",
    "only its beginning was kept": "只保留了开头",
    "it is not JSON": "不是 JSON",
    "bodies are not captured; policy.bodies.capture turns it on": "未保留正文；可通过 policy.bodies.capture 开启",
    "bodies are captured of failed requests only; policy.bodies.capture says so": (
        "仅保留失败请求的正文；由 policy.bodies.capture 决定"
    ),
    "Not found": "未找到",
    "Invalid value": "无效的值",
    "Forbidden": "禁止访问",
    "Unknown host": "未知主机",
    "Foreign origin": "外部来源",
    "CSRF token missing or wrong": "CSRF 令牌缺失或错误",
    "reload the page and try again": "请重新加载页面后重试",
    "The database cannot be read": "无法读取数据库",
    "Internal error": "内部错误",
    "the panel failed; its log says why": "面板出错；日志中有原因",
    "Not possible": "无法执行",
    "Method Not Allowed": "不允许的方法",
    "A file cannot be written": "无法写入文件",
    "The database is away": "数据库不可用",
}
