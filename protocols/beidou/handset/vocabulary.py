"""The words that tell what kind of report a text is: calls, danger, safety, places, answers, questions.

Each pattern is a list of literals with bounded gaps, read on a text after normalise(). Where a word has an ordinary
sense beside the urgent one, the urgent one wins only with the context that the pattern names: a false alarm costs a
look, but a hundred false alarms a day cost the next true one.
"""

from __future__ import annotations

import re

_GAP = r"[^,.;!?|\n]"

SET_PHRASES = re.compile(
    r"救援(?:队伍?|人员|力量|车辆?|指挥部|中心|任务|现场|工作|行动|组)|救援(?=物资|装备|设备|器材|工具|绳|直升机|船)|(?:正在|参与|参加|开展|组织|展开|投入|继续|进行|实施|协助|负责|完成|支援)[^,.;!?|\n]{0,4}(?:救援|搜救|营救|抢救)"
    r"|消防(?:队员?|员|站|车|支队|大队|中队|总队)?|防汛|防洪|抗洪|抗震救灾|抗震|防火|灭火队|灭火(?=器|弹)|地震(?:局|台|带|棚)|森防|防疫|火车|火锅|火腿|火把|烟火|开火|发火|火炬|人工呼吸"
    r"|求救信号弹|急救(?=包|箱)|救护站|安全(?=帽|绳|带)|安全(?:员|第一|检查|生产|起见|局|教育|饮用水|通道|屋)|(?:注意|保持|确保|保证|小心)安全|(?:注意|祝|一路)平安"
    r"|收到(?:请|后|速|马上|立即|尽快|望|敬请)?回[复话答电]|请?收到[请后]?(?:回复|确认|报告)|停电话|困难|(?<![被受围])困了|犯困|好困|很困|困扰|死机|死心|死活|笑死|累死|气死|饿死了|吓死|烦死|热死了|冷死了|该死|要死了?吗|死党"
    r"|no casualties reported\?|safety|first aid kit|safe (?:drinking )?water|stay safe|be safe|take care|keep safe|help desk|helpful|emergency (?:kit|food|number)|fire ?(?:fighters?|truck|station|brigade|department)|camp ?fire"
)
"""Ordinary phrases with an alarming word in them; they are taken out before anything is looked for."""

_DONE_TO = r"(?:受伤|伤亡|死亡|遇难|失踪|失联|被困|受困|伤员|生命危险|大碍|伤|险情|险|危险|塌方|滑坡|泥石流|次生灾害|余震|火情|疫情|灾情|损失|异常|隐患|injur\w*|casualt\w*|dead|deaths?|missing|trapped|hurt|wounded|damage)"
NEGATED = re.compile(
    rf"(?:没有?|无|未|暂无|尚无|并无|不存在)(?:任何|人员|有?人|群众|村民|发生|造成|新的?|再|出现|发现|接到|接报|再有|报告){{0,4}}(?:或|和|、|被)?{_DONE_TO}(?:(?:或|和|、|,?(?:无|没有|也没有))?{_DONE_TO}(?!(?:人数|人员|者|员)?[: ]?[0-9一二三四五六七八九十两百])){{0,2}}"
    r"|(?:\bno|not|nobody|no ?one|none|without|zero|(?<![0-9.])0)(?: ?(?:is|are|was|were|one|any|been|of us|people|reported|further|more|we|got)){0,3} (?:injur\w*|casualt\w*|dead|deaths?|missing|trapped|hurt|wounded|damaged?|fatalit\w*|danger)"
)
NIL_DEAD = re.compile(r"亡|遇难|casualt|dead|death|fatalit")
NIL_INJURED = re.compile(r"伤|injur|casualt|hurt|wounded")
"""What a negated phrase must speak of to be a nil return (零报告) of dead or injured."""

QUESTION = re.compile(
    r"(?:吗|呢|么|没有?|嘛)[?~]?$(?<!什么)(?<!没有)(?<!没)|\?$|(?:收到|到|好|通|走|来|吃|睡|回)了?(?:没有?|没)[?]?$|什么时候|几点[^0-9]|几点$|多久|哪里|哪儿|哪了|到哪|在哪|怎么样|咋样|怎样了?|如何|何时|是否|有没有|要不要|能不能|会不会|可不可以|在不在|谁在|多少钱|^(?:who|when|where|what|which|how|why)\b"
    r"|^(?:is|are|do|does|did|can|could|will|would|has|have|any) (?!needed)[^,.;]{0,60}\?"
)
"""A clause that asks tells nothing."""

POLITE_REQUEST = re.compile(
    r"^(?!.*(?:什么时候|几点|何时|多久|when))[^,.;]{0,12}(?:能不能|能否|可否|可不可以|可以|能)[^,.;]{0,6}(?:送|派|支援|调|运|给我们|带)"
    r"|^(?:can|could|would|will) (?:you|we|someone|anyone|somebody)(?: please)? (?:send|bring|get|have|deliver|drop)"
)
"""A question that asks for something to be done tells a need."""

CALL = re.compile(
    rf"(?<![a-z])s[. ]?o[. ]?s(?![a-z])|(?<![a-z])(?:sos)+(?![a-z])|求救|求助|求援|呼救|救命|救人|救[救下]?我|救救|来救|快救|速救|营救我|求求|急救(?=[!,.; ]|$)|帮帮我|救一?下|抢救(?!物资)"
    rf"|(?:请求|需要|急需|等待|等候?|等着|请速?|速来?|速派|盼|望|恳求|恳请|紧急|申请|寻求|要求|空中|急盼|快来?|派人来?|派|尽快|求){_GAP}{{0,6}}(?:救援|营救|搜救|解救|施救)|^救援|救援!|^{_GAP}{{0,12}}救援$"
    rf"|请求{_GAP}{{0,6}}救助|请求{_GAP}{{0,4}}(?:搜寻|转移|撤离|接应|医疗后送)|(?:快|赶快|赶紧|速|马上)点?(?:来|派)|快派|速派|撑不[住下]|顶不住|坚持不[住下了]|扛不住|挺不住|快不行|人不行了|要不行了|派人{_GAP}{{0,3}}(?:接应|来救|救|接)|遇险|危急|命悬|生命危险|要死了|没气了|断气|人不行|等死|要没命"
    rf"|(?:急需|需要|请派|快派|请求|没有|缺|叫|求|派|来个?|急求){_GAP}{{0,4}}救护车|(?:请求|需要|派|请派|求){_GAP}{{0,4}}直升机{_GAP}{{0,4}}(?:接|救|转运|后送|撤)|(?:直升机|救护车)来?接"
    r"|may ?day|help(?: (?:me|us|needed|please))(?! (?:to )?(?:find|with|bring|buy|check|ask|get|take|do|see|tell|pass|carry|choose|look))|help ?!|^ ?help ?$|^help\b(?! (?:me|us)? ?(?:to |with )?(?:bring|find|buy|check|ask|get|take|do|see|tell|carry|choose|look|my|the|your))|(?<!your )(?<!the )(?<!for )\bhelp(?=[ !,.]*$)|\bhelp[,!]|(?<!you )(?:need|send|want|request|please|pls|get) (?:some |immediate |urgent |medical )?help|please help|pls help"
    r"|rescue (?:me|us|needed|required)|(?:need|send|request\w*|require\w*|please|pls|await\w*|wait\w* for|urgent\w*) (?:for )?(?:a |urgent |immediate |immediately )?rescue|save (?:me|us)|emergency(?! (?:food|kit|suppl))|in distress|(?:please |pls |^|[, ])hurry|need (?:an )?ambulance|send (?:an )?ambulance|medevac|come quick\w*"
)
CANCELLED = re.compile(
    r"误报|误触|误按|按错|误发|(?:取消|解除|撤销|结束)[^,.;]{0,3}(?:求救|求助|求援|sos|报警)|(?:求救|求助|sos|报警)[^,.;]{0,3}(?:取消|解除|撤销|结束|是?假的)|false alarm|cancel(?:led)? (?:the )?(?:sos|rescue|help)|(?:sos|rescue) cancel"
)

DANGER = re.compile(
    rf"被[^,.;]{{0,5}}[困围]|围住|没[能有]?(?:上来|出来|回来|下来|跟上)|滑坠|伤[情势得][^,.;]{{0,2}}(?:严重|危重|很重|不轻)|夹住|卡在|卡住|吊在|挂在(?:树|崖|悬)|悬崖|受困|围困|困住|困在|困于|困人|(?<![路道线桥房田])被掩?埋|埋压|活埋|压住|被压|压在|埋在|埋了|埋着|落水|溺水|掉进|掉入|掉到|坠(?:入|崖|河|井|落|机|楼)|翻下|翻进|被[^,.;]{{0,3}}(?:冲走|卷走)|迷路|迷失方向|找不到{_GAP}{{0,5}}路|埋人|[压砸]着?了?人|砸到人|卷[入进]|窒息|呼吸困难|脑梗|中风|早产|失温|昏迷|晕倒|休克|没有?呼吸|没了?心跳|心脏骤停|心脏病|心梗|脑溢血|大出血|流血不止|止不住血"
    rf"|(?:人|煤气|一氧化碳|瓦斯){_GAP}{{0,3}}中毒|中毒{_GAP}{{0,3}}人|触电(?!危险)|蛇咬|抽搐|难产|临产|要生了|羊水破|等待(?:救|转移|营救|撤离)|等[着待]?救|待救|出不[去来]|[出下]不了[山村水]|[回逃]不了|跑不[掉了]|逃不[出掉]|走不[动了出]|动不了|下不[来去]|爬不[动上]|回不[去来](?!话|复)|陷在|陷进|被围|围在|漂[流着走在]|随[风波]漂|失去动力|缺氧(?!气)|空气(?:不够|不足|稀)|喘不[过上]|(?:没过|淹到|漫到)[^,.;]{{0,2}}(?:脖|头|胸|腰)|人[^,.;]{{0,3}}掉|掉[河江水井沟崖湖海坑洞冰]|(?:里面|井下|洞[内里]|楼[内里]|屋里|车[里内]|下面|底下|废墟)(?:还|仍)有[^,.;]{{0,6}}[人名个位]|(?:船|艇|舟)[^,.;]{{0,8}}(?:沉|翻|漏|进水|坏|故障)|翻船|沉船|快沉|要沉|翻了[^,.;]{{0,2}}人"
    r"|在[屋房楼]顶|不省人事|人[^,.;]{0,8}(?:摔|跌|滚)[下落]|(?:摔|跌|滚)下(?:山|崖|坡|悬|沟)|砸[中伤]|不能(?:行走|走路?|动弹?)(?=[,.;!| 了]|$)|生死不明|生死未卜|爬上屋顶|在树上|腿断|脚断|骨折了|摔断|摔伤了|我(?:们)?受伤|我(?:们)?[^,.;]{0,4}(?:受重伤|摔伤|骨折|流血|晕|高反)|高反严重|断了?腿|危在旦夕|没出来|没有出来|快冻死|快饿死|冻僵"
    r"|trapped|man down|capsized|people in (?:the )?water|surrounded by (?:fire|water|flood)|(?:people|kids|children|person|man|woman) (?:are |is )?inside|broken (?:leg|arm)|hit us|stuck (?:on|in|at|under|here|without)|\bstuck\b|buried|stranded|drown\w*|unconscious|not breathing|bleeding|heart attack|\blost (?:in|on|our way|the trail)|can'?t (?:get out|move|walk|breathe)|cannot (?:get out|move|walk|breathe)|on the roof|sinking|drifting|fell into|in labou?r|dying(?! of thirst\?)|up to our (?:neck|chest|waist)"
)
MEDICAL_NEED = re.compile(
    rf"(?:急需|需要|请求|请派|速派|没有|无|缺少?|求|请|盼|等){_GAP}{{0,6}}(?:医生|医护|大夫|医疗队|救治|抢救|送医|后送|转运)|(?:需|要)(?:立即|马上|紧急|尽快)?(?:手术|送医|转院|后送)|请求{_GAP}{{0,3}}(?:支援|增援|帮助|协助)(?=[,.;!| ]|$)|no doctor|need\w* (?:a )?(?:doctor|medic|surgery|evacuation)|send (?:a )?(?:doctor|medic)"
)
RESCUED = re.compile(
    r"(?:全部|全都|均|都|已经?|悉数|全员)(?:安全|成功|顺利|被|已|全部|都){0,3}(?:救出|获救|脱险|脱困|解救|营救)(?!\d|[一二三四五六七八九十])|获救了|脱险了|脱困了|all (?:rescued|saved)|been rescued|rescued all|were rescued"
)
PARTLY_RESCUED = re.compile(
    r"(?:已|成功|先后|共|又|刚)?(?:(?<!搜)救出|解救|营救出?|救起|救下)(?!遗体|尸体)[^,.;|]{0,8}"
)

SOME_HURT = re.compile(
    r"(?:十几|几十|数十|数百|上百|近百|百余|百多|几百|上千|数千|多|许多|好多|好几|有|很多|大量|若干|部分|部份|几|数|两三|三四|四五|五六|六七|七八|八九|不少|some|many|several|dozens of|hundreds of|a few)(?:名|人|个|位|具| people| persons| villagers)?[^,.;!?|\n]{0,8}"
    r"(?:受伤|死亡|遇难|失踪|失联|伤亡|伤员|重伤|轻伤|遗体|injur\w*|wounded|dead|killed|missing|hurt)|(?:[0-9]|[一二两三四五六七八九十几多]|全)(?:户|组|家|队|村|个村|个组)[^,.;]{0,4}(?:失联|失踪|遇难)|伤亡[^,.;]{0,4}(?:惨重|严重|较大|很大|不明|情况|人数)|造成[^,.;]{0,6}伤亡|heavy casualties|mass casualt\w*"
)

CLEARED = re.compile(
    r"解除|扑灭|灭了|熄灭|抢通|打通了|修好了|修复了|修通|恢复(?:通车|通行|供电|通信|供水|正常|了|畅通)?|已恢复|已经?通[了车]?|[路桥电]通了|来电了|有电了|通车|可以通行|能走了|退了|已退|退去|水退|回落|下降|消退|减弱|平息|已排除|排除险情|得到控制|已控制|停了|雨停|消散|过去了"
    r"|under control|open now|reopened?|is open|all clear|reced\w*|extinguished|restored|back on|is out now|(?:water|river|level)[^,.;]{0,10}falling|cleared"
)

NEED = re.compile(
    rf"需要?(?!时|转移|撤离|绕)|急[缺要用求]|亟需|欠缺|[紧短缺]缺|缺[少]?(?!席|点|口|乏经验|德|课[^桌]|勤|陷)|不足(?!(?:[0-9]|[一二三四五六七八九十百]))|告急|告罄|用[完光尽没]|吃[完光]|喝[完光]|耗尽|见底|不够|没有?了(?!(?:[0-9]|[一二两三四五六七八九十几]))|快没(?!电|信号)|所剩无几|只够|[断没无][水粮药油奶]|没有?[^,.;!?|\n]{{0,4}}[吃喝穿住盖烧](?![了过饭])|没有(?:吃|喝|食|药|水|粮|棉|帐|柴|油|被)|没{_GAP}{{0,3}}奶粉"
    r"|请[^,.;!?|\n]{0,8}(?:送|支援|运|调|派|配|空投|补充|补给|带|发|增派|拨|投|供应|解决|提供)|请求|申请|求[帐睡棉药食水粮油衣物]|希望[^,.;]{0,3}送|盼[^,.;]{0,3}送|[快速再]送|送[些点几]|给[^,.;]{0,4}送|运[些点来]|申领|^补充|还差|还要|还缺|要(?=[0-9两几一二三四五六七八九十百])|想要|(?:^|[,.; |]|我们?|这里|这边)要(?!去|走|来|回|到|是|不|开)|补给|速送|支援|空投|增援|救济"
    r"|\bneed\w*|requir\w*|request\w*|\bsend\b|short(?:age)? of|shortage|run(?:ning)? (?:out|low|short)|ran out|no (?:\w+ )?(?:food|water|medicine|fuel|shelter|blankets|tents|milk)|lack\w*|\bout of (?:food|water|fuel|medicine|diesel)|urgent\w*|without (?:\w+ )?(?:food|water|shelter|medicine)|want\b|bring|supply us|please (?:deliver|provide|drop)|not enough|low on|insufficient|inadequate"
)
NOT_NEEDED = re.compile(
    r"(?:不|无|毋|勿|别)再?(?:需|用再?[送支派]|缺|必[送支派])|(?<![只不])够用|足够了?$|够了|充足|no need|n'?t need|do not need|not needed|no longer need|enough (?:food|water|supplies)|(?<!not )\benough\b"
)
DELIVERED = re.compile(
    r"(?:已|都|全部|刚|收到|送到|运到)[^,.;]{0,4}(?:送到|送达|收到|到货|运到|发放|到了|领到)|(?:物资|帐篷|药品|食品)[^,.;]{0,4}(?:收到|送到|到了)|delivered|have arrived|received the|got the"
)

SAFE = re.compile(
    r"平安|无恙|安好|脱险|获救|脱困|还活着|活着|^没事[了的]?[,.! ]?$|(?:人|我|我们|我俩|大家|全家|家人|都|均|全队|一切|全员|队员|大人孩子)[^,.;!?|\n]{0,5}(?:没事|安全|都好|正常|无事|挺好)|没事了|(?:我|我们|大家|家里)(?:都|还|很|挺|一切)?(?:好着呢?|挺好|很好|还好|好好的|没受伤|没问题)|勿念|勿忧|[不别](?:用|要)?担心(?=[,.!;| ]|$)|安全(?:到|抵|撤|返|转移|归|下山|回|着陆|上岸|脱|地|区|无|了|$)|^安全|(?:很|已|均|都|全|人员|暂时|目前|十分|处于)安全|一切(?:正?常|顺利|都?好|ok)|都好$|无事$|(?:人|车)[^,.;]{0,2}正常"
    r"|(?<!not )(?<!un)\bsafe\b(?! (?:water|drinking|to|food|route|place for))|\ball (?:ok|okay|fine|good|well|right|clear and safe)|(?:we|i|everyone|everybody|all of us|i'?m|we'?re|we are|i am)(?: are| am| is|'s)? (?:all )?(?:ok|okay|fine|alive|good|well|unharmed)\b|still alive"
)
PLACE = re.compile(
    r"已到|到达|抵达|抵(?=[一-龥]{2})|已抵|已过|刚过|过了(?=[一-龥]{2,6}(?:镇|乡|村|桥|县|隧道|垭口))|现过|路过|途经|途径|经过|(?:我|我们|我部|我队|人|队伍|部队|车队|全队|小队|本队|目前|现在|当前|已经|均|都|船|车)在(?!吗|线|想|等|忙|看|吃|睡|上班|开会|说|做|听|找|不在|哪|下雨|下雪|上涨|涨)(?=[^,.;!?|\n ])|位于|现于|位置|坐标|方位|到位|就位|集结完毕|集合完毕|(?:已|安全|全部|都|刚|正)[^,.;]{0,4}返回|返回(?:营地|基地|驻地|途中)|(?:已|全部|都)?[^,.;]{0,3}(?:撤[回至到]|转移[至到])[一-龥]"
    r"|行进[至到]|行至|行进中|^途中|在途中|(?:已|全部|都)(?:安全)?撤[离出]|^在(?!吗|不在|哪|干|忙|等|家|开|吃|睡|写|看|想|学校过夜)[一-龥]{2,10}[,.!]?$(?<!过夜)(?<!休息)(?<!休整)(?<!一晚)|扎营(?=[一-龥]{2})|推进[至到]|进[入驻]了?(?=[一-龥]{2})|驻扎|已经?[上下进出]山|(?:^|[,.; |])在[^,.;!?\n]{1,8}(?:营地|镇|村|乡|县|学校|小学|中学|卫生院|医院|安置点|山[上下顶]|路口|桥头|广场|体育[场馆]|集结点|附近|指挥部|村委会)|登顶|靠岸|抵港|(?:^|我|我们|已经|都|刚|队伍|车|全部|人)到了|^到[一-龥]{2,8}了|(?:我|我们|队伍|车队|已经?|都)到[一-龥]{2,8}了|(?:正在|正|在)[^,.;]{0,4}(?:前往|赶往|赶赴|途中|路上|返程|返航)|已(?:从[^,.;]{0,8})?出发|已在"
    r"|^(?:now |still |we are |i am )?at (?!\d|night|noon|first|least|all\b|last|home)|^in position|arriv(?:ed|ing)|reach(?:ed|ing)|(?:my|our|current|present) (?:position|location|pos)|position|location|\bi(?:'?m| am) (?:at|in|near|on)\b|\bwe(?:'?re| are)(?: now| still)? (?:at|in|near|on|camped)\b|now (?:at|in|near)|at (?:base|camp|the \w+)|on site|made it|checked? in|en route|located|(?:i|we)(?:'?m|'?re| am| are) here|in (?:the )?(?:camp|village)\b|on (?:the|our|my) way|(?:moving|heading|going) to (?:the )?(?:camp|base|village|site|point)|returned? to base|back (?:at|in) (?:base|camp)|\b(?:team|we|i|group|convoy|squad)\b[^,.;]{0,10} at\b"
)
NOT_MY_PLACE = re.compile(
    r"转告|告诉|带话|帮我跟|替我|捎话|捎信|(?:发|报|告诉|报告|告知|给|共享|要|请)[^,.;]{0,5}(?:位置|坐标|方位|定位)(?!已|如下|[: ]?[0-9]|[: ]+[^,.;?! ])|(?:会议|开会|集合|地点|上课|换班)[^,.;]{0,4}(?:位置|在)|tell (?:my|him|her|them|mum|mom)|(?:send|share|give)[^,.;]{0,8}(?:position|location)|明[天早晚日]|后天|下周|打算|计划|准备(?:去|到|前往)|(?:will|shall|going to|'ll|should|when do) (?:we )?(?:arrive|reach|be)|in bed|at (?:home|work|school now)"
)

_ACK_WORD = (
    r"(?:(?:消息|信息|短信|短报文|报文|命令|指令|指示|通知|来电|电文|我们?|本队|我部|我队|我组|已经?|都|全部|确认|均){0,3}(?:收到|收悉)|接[到获](?:命令|指令|通知|任务)|接令|明白|知道|了解|遵命|得令|照办|晓得|懂了|同意|(?:正在|马上|立即|这就|即刻)(?:执行|去|到|出发|前往|办|来)(?=$|[\s,.!;])|(?:已)?确认(?=$|[\s,.!;]|收到)|收到确认|清楚|已阅|已读|知悉|已悉|遵照|没问题|任务?(?:已|已经)?(?:完成|办妥|结束)|(?:已|已经)?(?:完成|办妥|照做|执行|落实)|立即执行|马上执行|坚决完成"
    r"|okay|ok|k(?=[\s.!]*$)|roger|copy|copied|received|recieved|rcvd|got it|wilco|will do|understood|acknowledge[d]?|acknowledging|ack|affirmative|affirm|confirm(?:ed)?|10-4|noted|rgr|message received|msg received|all received|done|completed?|mission complete|task done|can'?t comply|cannot comply|unable to comply|negative)"
)
_ACK_SHORT = r"(?:好的?|好滴|好哒|好嘞|好吧|嗯+|恩+|行|是|对|可以|中|要得|成|哦|噢|yes|yep|yeah|sure|fine)"
ACK = re.compile(
    rf"^[\W_]{{0,3}}(?:(?:{_ACK_SHORT}[\s,.!]{{0,2}}){{0,2}}{_ACK_WORD}(?![a-z])|{_ACK_SHORT}(?={_ACK_SHORT}(?:$|[\s,.!]))|{_ACK_SHORT}(?=[\s,.;:!~、|0-9#]|了?$|我?(?:马上|立即|这就)|[的吧啊哦呀嘞滴呢](?:[\s,.;:!~|]|$)))"
)
ACK_REFUSED = re.compile(
    r"无法执行|不能执行|执行不了|无法完成|不能完成|完成不了|cannot comply|can'?t comply|unable to (?:comply|execute|carry out)"
)
_REF = r"(?P<{name}>(?:[0-9] ){{2,8}}[0-9]|[0-9]{{1,9}}|[零〇一二三四五六七八九幺洞]{{3,7}})"
_REF_AFTER = (
    # 收到1023号令 quotes 1023; 收到,3号桥不通 and 收到30箱水 quote nothing.
    r"(?=$|[\s,;:!~、)|]|\.(?![0-9])|号?(?:令|命令|指令|通知|任务|消息)|号(?:$|[\s,.;!])|的|已)"
    r"(?! ?(?:人|顶|米|点|时|分|箱|公里|个|名|月|日|年|天|小时|台|件|批|床|袋|瓶|条|部|辆|斤|吨|元|楼|%|hours?|min|people|tents|km|boxes|pm|am))(?!:[0-9])"
)
ACK_NUMBER_AFTER = re.compile(
    rf"^[\W_]{{0,3}}{_ACK_WORD}[\s,.:;#№]{{0,3}}(?:令|命令|指令|编号|回执|第|号|no\.?|number|message|msg|order|task|任务|通知|that|了|你的?|您的?)?[\s,.:#№]{{0,3}}{_REF.format(name='a')}{_REF_AFTER}"
)
ACK_NUMBER_BEFORE = re.compile(
    rf"^[\s#№]{{0,2}}(?:令|回|答|命令|指令|任务|编号|第|no\.?|number|message|msg|order|task|re)?[\s:.#№]{{0,3}}{_REF.format(name='b')}[\s,:.]{{0,2}}(?:号|号令)?(?:命令|指令|通知|任务|令|消息|信息)?[\s,:.]{{0,3}}(?:已|均|确认|我部|全部){{0,2}}(?:{_ACK_WORD}|[^0-9,.;]{{0,10}}(?:无法执行|不能执行|无法完成))(?![a-z])"
)
CALLS_FOR_REPLY = re.compile(
    r"(?:收到|听到|看到)[^,.;]{0,4}(?:请|速)?(?:回复|回话|回答|答复|回电|回应)|请(?:速|尽快|立即)?(?:回复|回话|确认|答复)|please (?:reply|confirm|acknowledge|respond)|reply please"
)
