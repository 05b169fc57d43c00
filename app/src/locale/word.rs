//! The words of the screens.

use super::{Word, word};

macro_rules! words {
    ($($name:ident: $zh:literal, $en:literal;)*) => {
        $(
            #[doc = $en]
            pub const $name: Word = word($zh, $en);
        )*
    };
}

words! {
    APP: "枫格", "Fengge";
    DEMO: "演示", "Demo";
    DEMO_DATA: "演示数据 DEMO", "Demo data";

    // Screens.
    JOIN: "加入", "Join";
    TODAY: "今天", "Today";
    NEW_DISPUTE: "登记纠纷", "New dispute";
    START_PATROL: "开始巡逻", "Start patrol";
    NEW_HAZARD: "登记隐患", "New hazard";
    SYNC_NOW: "立即同步", "Sync now";
    MY_RECORDS: "我的记录", "My records";
    RECORDS: "记录", "Records";
    PATROL: "巡逻", "Patrol";
    PATROLS: "巡逻", "Patrols";
    HAZARD: "隐患", "Hazard";
    DISPUTE: "纠纷", "Dispute";
    TASK: "任务", "Task";
    RETURN_VISIT: "回访", "Return visit";
    STATION: "本所", "Station";
    OVERVIEW: "概览", "Overview";
    SETTINGS: "设置", "Settings";
    NOT_FOUND: "没有这个页面", "No such page";
    BACK: "返回", "Back";
    CLOSE: "关闭", "Close";
    CANCEL: "取消", "Cancel";
    SAVE: "保存", "Save";
    SAVING: "正在保存…", "Saving…";
    EDIT: "修改", "Edit";
    MORE: "更多", "More";
    LESS: "收起", "Less";
    ALL: "全部", "All";
    SEARCH: "搜索", "Search";
    OPTIONAL: "选填", "optional";
    MAIN_NAV: "主要页面", "Main pages";

    // The ladder.
    DRAFT: "草稿", "Draft";
    ON_PHONE: "在本机", "On this phone";
    SENT: "已送达", "Sent";
    SEEN: "所里已见", "Seen at station";
    NEEDS_ATTENTION: "需处理", "Needs attention";

    // The status line.
    SYNC_WORKING: "正在同步…", "Syncing…";
    SYNC_DONE: "全部送达", "Everything is sent";
    SYNC_NEVER: "还没有同步过", "Not synced yet";
    SYNC_OFFLINE: "离线，可继续工作", "Offline: you can go on working";
    SYNC_PORTAL: "网络需要登录或不通，可继续工作", "This network needs a login: you can go on working";
    SYNC_SERVER: "服务器暂时没有应答，可继续工作", "The server does not answer for now: you can go on working";
    SYNC_HELD: "今天发送已达上限，内容都存在本机，{} 起自动续发；有急事请联系所里", "Today’s limit for sending is reached: everything is kept here and goes on by itself from {}; call the station if it is urgent";
    USED_UP: "{} 的设备今天发送已达上限，明天自动续发，内容都在其手机上；请打电话问一声，手机是否在本人手里", "{}: this device has sent as much as it may today and goes on by itself tomorrow; everything is kept on it. Please call and ask whether the phone is in their own hands";
    SYNC_SHUT_OUT: "服务器不让本机进入，内容都还在本机", "The server does not let this phone in: everything is still here";
    SYNC_STORE: "手机空间不足，新内容暂时收不下", "The phone has no room for what is new";
    SYNC_KEPT: "{} 条在本机", "{} on this phone";
    SYNC_LAST: "上次送达 {}", "last sent {}";

    // Join.
    INVITATION_CODE: "邀请码", "Invitation code";
    JOIN_LEAD: "请输入所里给您的邀请码。只需联网加入一次，之后没有信号也能用。", "Enter the invitation code from your station. Join once while online; after that the app works without signal.";
    JOIN_HINT: "8 位字母和数字，不分大小写", "8 letters and digits, in any case";
    JOINING: "正在加入…", "Joining…";
    JOIN_INCOMPLETE: "邀请码应为 8 位字母和数字，请再核对", "The code has 8 letters and digits: please check it";
    JOIN_UNKNOWN: "没有这个邀请码，请再核对，或向所里要一个新的", "This code is not known: check it or ask the station for a new one";
    JOIN_USED: "这个邀请码已被别的手机用过，请向所里要一个新的", "Another phone has used this code: ask the station for a new one";
    JOIN_EXPIRED: "这个邀请码已过期，请向所里要一个新的", "This code is too old: ask the station for a new one";
    JOIN_TOO_MANY: "现在请求太多，请过几分钟再试", "Too many tries at the moment: wait some minutes";
    JOIN_OFFLINE: "现在没有网络。请到有信号的地方再试，邀请码仍然有效", "There is no network now. Try again where there is signal; the code stays valid";
    JOIN_OTHER: "这个邀请码不是给本机的。请把本机编号报给所里，要一个给本机的邀请码", "This code is not for this phone: tell the station the number of this phone and ask for a code made for it";
    JOIN_NOT_YOURS: "这个邀请码是给别人的，不能在本机用", "This code is another person’s: it cannot be used on this phone";
    AGAIN: "重新进入", "Let this phone in again";
    AGAIN_LEAD: "请把本机编号报给所里，要一个给本机的新邀请码，在这里输入。本机上的记录、草稿和照片都不会丢。", "Tell the station the number of this phone, ask for a new code made for it, and type it here. Records, drafts and photos on this phone stay.";
    THIS_NUMBER: "本机编号 {}", "Number of this phone: {}";
    WHOM_STATION: "所里", "the station";
    WHOM_ADMIN: "管理员", "the administrator";
    SHUT_LOCKED: "服务器认不出本机了（可能清理过浏览器数据）。内容都还在本机，可以继续工作；要送出去，请向{}要一个给本机的新邀请码。", "The server does not recognise this phone any more; perhaps the browser’s data were cleared. Everything is still on this phone, and you can go on working. To send it, ask {} for a new code made for this phone.";
    SHUT_REVOKED: "本机已被停用，不再收发。已保存的内容都还在本机，没有丢，请联系{}。", "This phone has been shut out: nothing is sent or fetched. What was saved is still on it and is not lost. Call {}.";
    SHUT_UNKNOWN: "这个地址上的服务器不认识本机：可能是服务器重新装过，或者连到了别的网络。内容都还在本机，可以继续工作。要送出去，请向{}要一个新的邀请码，输入后会自动补传。", "The server at this address does not know this phone: it may have been set up anew, or this is another network. Everything is still on this phone, and you can go on working. To send it, ask {} for a new code and type it: all that it lacks is then sent by itself.";
    TYPE_CODE: "输入邀请码", "Type the code";
    JOIN_FAILED: "没有成功，请稍后再试", "That did not work: try again later";
    NOT_SURVEILLANCE: "枫格只记事，不记人的行踪；没有积分、排名和打卡。", "Fengge records matters, not people’s movements; no points, rankings or forced check-ins.";

    NO_MATTERS: "您的账号不办理事项：管理和审计在服务器上进行，这里只有设置。", "Your account handles no matters: administration and audit are done at the server, and here are the settings alone.";
    NOWHERE: "没有这个页面", "No such page";
    NOWHERE_LEAD: "这个地址没有对应的页面，可能是链接不完整。已保存的内容都在。", "There is no page at this address: the link may be incomplete. What was saved is all there.";
    TO_BEGINNING: "回到首页", "To the first page";

    // Home.
    DUE: "今天要做", "Due";
    NOTHING_DUE: "今天没有到期的事", "Nothing is due today";
    NO_RECORDS: "还没有记录。遇到纠纷时点“登记纠纷”，一分钟就好。", "No records yet. Tap “New dispute” when you meet one; it takes a minute.";
    ALL_RECORDS: "全部记录", "All records";
    PATROL_RUNNING: "巡逻进行中", "Patrol under way";
    CONTINUE: "继续", "Continue";
    DRAFT_LEFT: "有一份没有保存的登记", "An unfinished form is waiting";
    HEALTH_ASIDE: "有 {} 条内容读不出来，已单独存放，不影响使用", "{} items could not be read; they are kept apart and nothing else is affected";

    // The quick register.
    CATEGORY: "类别", "Category";
    PLACE: "地点", "Place";
    TIME: "时间", "Time";
    WHAT_HAPPENED: "简况", "What happened";
    PARTY_A: "甲方", "Party A";
    PARTY_B: "乙方", "Party B";
    NAME: "姓名", "name";
    PHONE: "电话", "phone";
    LEVEL: "级别", "Level";
    GRID: "网格", "Grid";
    PARTIES: "当事人", "Parties";
    PARTY_NAME: "姓名", "Name";
    PARTY_PHONE: "电话", "Phone";
    PARTY_A_NAME: "甲方姓名", "Party A name";
    PHONE_READ: "将保存为 {}", "Kept as {}";
    PARTY_A_PHONE: "甲方电话", "Party A phone";
    PARTY_B_NAME: "乙方姓名", "Party B name";
    PARTY_B_PHONE: "乙方电话", "Party B phone";
    PLACE_HINT: "如：4 组水井旁", "e.g. by the well";
    BRIEF_HINT: "因为什么、现在怎样。姓名写在当事人一栏，不写证件号", "What about, and how it stands. Names go under Parties; no ID numbers";
    SAVE_HINT: "没有信号也能保存，联网后自动送达", "Saves without signal, sends itself later";
    DRAFT_KEPT: "草稿已存在本机", "Draft kept on this phone";
    DRAFT_RESTORED: "已恢复上次没有保存的内容", "What you had not saved is back";
    DRAFT_DISCARD: "不要了，重新填", "Discard and start over";
    DRAFT_ELSEWHERE: "另一个窗口正开着没有保存的那一份；这里是新的一份", "Another window has the unfinished form open; this is a new one";
    DRAFT_SAVED_BEFORE: "这份登记以前保存过，内容和现在的不一样。原来那条没有动，这里填的也都在：再点一次“保存”，会另存为一条新记录；如果是同一件事，请打开原来那条修改", "This form was saved before and says something else now. That record was left as it is, and what you typed is here: save again to make a record of its own; if it is the same matter, open the first one and correct it";
    DRAFT_SAVED_OPEN: "打开原来那条", "Open the first one";
    CHOOSE: "请选择", "Choose";
    GRID_GONE: "原来的网格已不归您负责，请重新选择", "The grid of this form is no longer yours: choose again";
    SAVED: "已保存在本机", "Saved on this phone";
    LEVEL_G: "绿 · 一般", "Green · ordinary";
    LEVEL_Y: "黄 · 较大", "Yellow · serious";
    LEVEL_R: "红 · 重大", "Red · major";

    // A case.
    ADD_EVENT: "添加进展", "Add event";
    SESSION: "调解记录", "Session";
    AGREEMENT: "达成协议", "Agreement";
    CLOSE_CASE: "结案", "Close case";
    ACCEPT: "受理", "Accept";
    COURSE: "经过", "Course";
    PASSED_ON: "数据恢复后由{}的设备转交（缺失时段：{}）", "Passed on after a restore by a device of {} (gap: {})";
    PASSED_ON_IN_ALL: "本记录有{}处改动在数据恢复后由他人的设备转交：", "Changes of this record that others’ devices passed on after a restore: {}";
    REGISTERED: "登记", "Registered";
    SESSION_RESULT: "第 {} 次调解：{}", "Session {}: {}";
    AGREED_ON: "达成协议", "Agreement reached";
    STEP_TO: "转为“{}”", "Now “{}”";
    STEP_PENDING: "与前一步矛盾，待定夺", "Contradicts the step before: to be decided";
    USE_THIS: "用这个", "Use this";
    USE_THIS_SURE: "再点一次确定", "Tap again to decide";
    TWO_WROTE: "两人同时修改了“{}”", "Two people changed “{}” at the same time";
    TWO_STEPS: "两人同时办理，结果不一致", "Two people took different steps at the same time";
    STANDS: "现在的状态", "Status now";
    OTHER_STEP: "另一人的办理", "The other step";
    TERMS: "约定事项", "Terms";
    TERM_DONE: "已履行", "Performed";
    MARK_DONE: "标记已履行", "Mark performed";
    NO_PARTIES: "没有登记当事人", "No parties registered";
    PARTIES_WITHHELD: "当事人信息不在本机", "The parties’ data is not on this phone";
    SHOW_PARTIES: "显示当事人", "Show parties";
    HIDE_PARTIES: "收起当事人", "Hide parties";
    ADD_PARTY: "添加当事人", "Add party";
    CALL: "拨打", "Call";
    WRITTEN_BY: "{} · {}", "{} · {}";
    CASE_READING: "正在打开…", "Opening…";
    CASE_MISSING: "这条记录不在本机。联网同步后再看。", "This record is not on this phone. Sync when online and look again.";
    CASE_COMING: "正在取回这条记录。没有信号时，联网后会自动补上。", "Fetching this record. Without signal it comes by itself once you are online.";
    CASE_DAMAGED: "这条记录有一部分读不出来，已单独存放。请联网同步。", "Part of this record could not be read and was set aside. Please sync when online.";
    CASE_NEWER: "这条记录由新版本写成：可以查看，更新后才能修改。", "Written by a newer version: you can read it; update to edit it.";
    CASE_WAITING: "还有内容在路上，联网后补齐", "More of this is on its way and comes with the next sync";
    REFUSED_NOTE: "有修改没有被服务器接受，内容仍在本机。请联系{}。", "The server did not take some changes; they are kept on this phone. Please call {}.";
    LINKED_VISIT: "有一次回访", "A return visit follows";

    // Sheets of a case.
    KIND: "方式", "Kind";
    TEXT: "内容", "Text";
    MODE: "方式", "Mode";
    STATEMENTS: "调解经过", "What was said";
    RESULT: "结果", "Result";
    NEXT_AT: "下次时间", "Next session";
    CONSENT: "各方当事人同意调解", "Every party agrees to mediation";
    NOTICE: "已告知权利义务", "Rights and duties were explained";
    FORM: "形式", "Form";
    CONTENT: "协议内容", "What was agreed";
    TERM: "第 {} 项", "Term {}";
    TERM_TEXT: "约定事项", "To be done";
    DUE_DATE: "期限", "By";
    ADD_TERM: "再加一项", "Add a term";
    OUTCOME: "办理结果", "Outcome";
    FAIL_REASON: "终止原因", "Reason";
    SUMMARY: "小结", "Summary";
    REMEDIES: "已告知仲裁、行政、诉讼等途径", "Arbitration, administrative and court ways were explained";
    VISIT_MADE: "已安排回访", "A return visit is planned";

    // Patrols.
    PAUSE: "暂停", "Pause";
    RESUME: "继续", "Resume";
    CHECK_IN: "到点", "Check in";
    FINISH: "结束", "Finish";
    ELAPSED: "已巡", "On patrol";
    MINUTES: "{} 分钟", "{} min";
    HOURS_MINUTES: "{} 小时 {} 分", "{} h {} min";
    CHECKPOINTS: "巡逻点", "Checkpoints";
    OTHER_PLACE: "其他地点", "Another place";
    REMARK: "备注", "Remark";
    CHECKED_AT: "{} 到过", "checked in at {}";
    CHECKINS: "到点 {} 个", "{} check-ins";
    PERSUADED: "劝导（人次）", "People persuaded";
    HOUSEHOLDS: "走访（户）", "Households visited";
    LEAFLETS: "宣传单（份）", "Leaflets";
    HELPED: "帮助（人次）", "People helped";
    ONE_MORE: "加一", "One more";
    ONE_LESS: "减一", "One less";
    LOG: "巡逻小结", "Log";
    PATROL_KIND: "巡逻类型", "Kind of patrol";
    PATROL_MODE: "巡逻方式", "Mode";
    NO_PATROLS: "还没有巡逻记录", "No patrols yet";
    FOUND_ON_PATROL: "巡逻中发现", "Found on this patrol";
    FINISH_HINT: "写几句情况；没有特别情况可以不写", "A few words; leave it empty when all was quiet";
    NO_TRACK: "只记到点，不记轨迹", "Check-ins only; no track is kept";

    // Hazards.
    DESCRIPTION: "描述", "Description";
    FIXED: "现场整改", "Fixed on the spot";
    FIXED_HINT: "当场改好了就写怎么改的；没有就留空", "What was done on the spot; leave empty when nothing could be";
    HAND_OVER: "移交", "Hand over";
    RECTIFIED: "已整改", "Put right";
    RECHECK: "复查合格", "Passed the recheck";
    RECHECK_FAILED: "复查不合格", "Failed the recheck";
    TARGET: "移交去向", "Handed over to";
    MEASURE: "情况说明", "What was done";

    // Tasks.
    REPORT: "完成回访", "Report the visit";
    REPORT_TASK: "完成任务", "Report the task";
    FINDING: "回访情况", "Finding";
    OPEN_CASE: "查看纠纷", "Open the dispute";

    // Station.
    NEW_SINCE: "昨日以来新增", "New since yesterday";
    TO_DECIDE: "需要定夺", "To decide";
    LATEST: "最久 {} 天", "at most {} days";
    MAJOR_NOTE: "纠纷与隐患", "disputes and hazards";
    TO_DECIDE_NOTE: "两人写得不一样", "two people disagree";
    MATTER: "事项", "Matter";
    VILLAGE_GRID: "村 / 网格", "Village / grid";
    STATUS: "状态", "Status";
    DUE_COLUMN: "期限", "Due";
    TYPE: "类型", "Type";
    VILLAGE: "村", "Village";
    BY_VILLAGE: "各村在办", "Open by village";
    FETCHING: "正在取回记录…", "Fetching the records…";
    NO_MATCH: "没有符合条件的记录", "No record matches";
    CHOOSE_ROW: "选一条记录查看", "Choose a record";
    GRIDS: "{} 个网格", "{} grids";
    NEW_MARK: "新", "New";
    DECIDE_MARK: "需定夺", "To decide";
    SHOWN_OF: "显示 {} / {} 条", "{} of {} shown";
    SHOW_MORE: "显示更多", "Show more";

    // Photos.
    PHOTOS: "照片", "Photos";
    TAKE_PHOTO: "拍照", "Take photo";
    PHOTO_WORKING: "正在处理…", "Working…";
    PHOTO_N: "照片 {}", "Photo {}";
    PHOTOS_DONE: "{} 张照片", "{} photos";
    PHOTOS_OF: "{} / {} 张照片", "{} of {} photos";
    PHOTO_ADDED: "拍了照片", "Photo added";
    PHOTO_REMOVED: "删除了照片", "Photo removed";
    PHOTO_AWAY: "照片还没传到这台设备，联网后再看", "This photo has not come to this device yet: look again when online";
    PHOTO_DELETE: "删除照片", "Remove photo";
    PHOTO_DELETE_SURE: "确定删除？记录里会写明删除了照片。", "Remove it? The record will say that a photo was removed.";
    PHOTO_DELETE_YES: "确定删除", "Yes, remove";
    PHOTO_KEEP: "保留", "Keep";
    PHOTO_ON_PHONE: "待发送", "Waiting to be sent";
    PHOTO_BROKEN: "这张照片打不开，请再拍一次", "This picture cannot be read: take it again";
    PHOTO_HEIC: "这是 HEIC 照片，本机浏览器读不了，原照片还在相册里。请在相机设置里把照片格式改为 JPEG（兼容性优先）再拍，或先在相册里另存为 JPEG 再选。", "This is a HEIC picture, which the browser of this phone cannot read; it is still in your album. Set the camera to JPEG (most compatible) and take it again, or save it as JPEG in the album first.";
    PHOTO_NO_ROOM: "照片没有保存成功，文字都在。请清理一些空间再拍", "The photo was not kept; the text is safe. Free some space and take it again";
    PHOTOS_LEFT: "{} 张照片待发", "{} photos to send";
    PHOTOS_WIFI: "{} 张照片等 Wi-Fi", "{} photos wait for Wi-Fi";
    TEXT_DONE: "文字全部送达", "Everything is sent but photos";
    WIFI_ONLY: "照片仅在 Wi-Fi 下上传", "Send photos on Wi-Fi only";
    WIFI_UNKNOWN: "这个浏览器不说明网络类型：要发照片时请关掉这一项", "This browser does not tell the kind of network: switch this off to send photos";

    // Supervisor.
    UNIT: "单位", "Unit";
    PERIOD: "期间", "Period";
    WEEK_AHEAD: "7 天内", "Within 7 days";
    WEEK: "周", "Week";
    MONTH: "月", "Month";
    QUARTER: "季", "Quarter";
    YEAR: "年", "Year";
    PERIOD_BEFORE: "前一期", "Before";
    PERIOD_AFTER: "后一期", "After";
    OTHER_PLACES: "其他网格", "Other grids";
    HOW_MANY: "件数", "Number";
    NOT_SHOWN: "—", "—";
    CELLS_NOTE: "期间按整周计，结束后统计。少于 {} 的数不列出；“—”表示为防推算而不列出。", "Periods are whole weeks that are over. Numbers under {} are not given; “—” is left out so that they cannot be worked out.";
    SETTLED_RATE: "调解成功率", "Success rate";
    HAZARD_RATE: "隐患整改率", "Hazards put right";
    VISIT_RATE: "回访率", "Visits done";
    OF_N: "{} / {}", "{} of {}";
    NO_BASE: "暂无", "none yet";
    LESS_THAN: "少于 {}", "under {}";
    BY_CATEGORY: "纠纷类别", "By category";
    BY_UNIT: "下级单位", "Units below";
    OPEN_ROWS: "在办事项", "Open matters";
    DEIDENTIFIED: "不含个人信息", "Without personal data";
    OVERVIEW_OFFLINE: "现在没有网络，联网后再看", "No network now: look again when online";
    OVERVIEW_REFUSED: "这个单位不在您的范围内", "This unit is not in your scope";
    OVERVIEW_TOO_FINE: "只能看到村和整周的数字", "Figures are given of villages and whole weeks, of nothing smaller";
    OVERVIEW_OUTDATED: "本机与服务器版本不同，请更新后再看", "This app and the server are of different versions: update and look again";
    OVERVIEW_BROKEN: "没有收到完整的数据，请稍后再试", "The figures did not arrive whole: try again later";
    TRY_AGAIN: "再试一次", "Try again";
    AS_OF: "截至 {}", "as of {}";

    // Settings.
    LANGUAGE: "语言", "Language";
    LARGE_TEXT: "大字模式", "Large text";
    THEME: "主题", "Theme";
    THEME_AUTO: "跟随系统", "System";
    THEME_LIGHT: "浅色", "Light";
    THEME_DARK: "深色", "Dark";
    THEME_SUN: "户外", "Sunlight";
    ME: "我", "Me";
    ON_THIS_PHONE: "本机用户", "People on this phone";
    IN_USE: "正在使用", "in use";
    SWITCH: "切换", "Switch";
    JOIN_ANOTHER: "另一人加入", "Another person joins";
    STORAGE: "本机存储", "Storage";
    PERSISTED: "浏览器会一直保留本机数据", "The browser keeps this phone’s data";
    NOT_PERSISTED: "空间紧张时浏览器可能清理，请安装到桌面并及时同步", "The browser may clear data when space is short: install the app and sync often";
    USED: "已用 {}", "{} used";
    SET_ASIDE: "单独存放 {} 条", "{} set aside";
    NO_SIGNAL: "没有信号时", "Without a signal";
    NO_SIGNAL_LEAD: "请同事代为送达，或代同事送达", "Let a colleague send for you, or send for them";
    NO_SIGNAL_LONG: "很久没有信号了？可以请同事代为送达", "No signal for hours? A colleague can send it for you";
    CARRY_MINE: "请同事代为送达", "Let a colleague send it";
    CARRY_LEAD: "有 {} 条记录未送达。让同事扫码，或把加密文件发给有信号的同事；本机的记录不会删除。", "Records waiting to be sent: {}. Let a colleague scan them, or send an encrypted file to one with a signal; the records stay on this phone.";
    CARRY_SHOW: "显示二维码", "Show QR codes";
    CARRY_SHOW_LEAD: "请同事打开“扫描二维码”对准屏幕，直到扫完。扫码的人会得到这些记录，请只给同事看。", "Your colleague opens “Scan QR codes” and points the camera here until all are read. Whoever scans gets these records: show them to colleagues only.";
    CARRY_MAKE: "做成文件", "Make a file";
    CARRY_CODE: "文件已做好（{} 条记录）。请把这个提取码当面或电话告诉同事：", "The file is ready (records: {}). Tell your colleague this code in person or by phone:";
    CARRY_GIVE: "发送或保存文件", "Send or save the file";
    CARRY_THEIRS: "接收同事的文件", "Take from a colleague";
    CARRY_IN_LEAD: "扫描同事手机上的二维码，或选择同事发来的文件并输入提取码。没有信号也可以先收下；代送的内容您看不到。", "Scan the QR codes on their phone, or choose the file that they sent and type its code. This works without a signal; you do not see what you carry for them.";
    CARRY_SCAN: "扫描二维码", "Scan QR codes";
    CARRY_SCAN_LEAD: "请对准同事手机上的二维码", "Point at the QR codes on your colleague’s phone";
    CARRY_CAMERA_OPENS: "正在打开相机…", "Opening the camera…";
    CARRY_CAMERA_DENIED: "不能使用相机。请在浏览器的网站设置中允许相机，或改用文件", "The camera may not be used. Allow it in the browser’s settings for this site, or use a file";
    CARRY_NO_CAMERA: "打不开相机，可能正被其他应用使用。请改用文件", "The camera does not open; another app may be using it. Use a file instead";
    CARRY_CHOOSE: "选择文件", "Choose a file";
    CARRY_CODE_FIELD: "提取码", "Code";
    CARRY_TAKE: "收下", "Take";
    CARRY_BUSY: "正在处理…", "Working…";
    CARRY_TAKEN: "已代为送达 {} 处更改", "Changes sent for them: {}";
    CARRY_WAITING: "已收下 {} 份，有信号时自动送达", "Taken along: {}; sent when there is a signal";
    CARRY_REFUSED_SOME: "{} 处更改未被接收，仍保存在同事的手机上", "Changes not taken: {}; they stay on your colleague’s phone";
    CARRY_REFUSED: "{} 份未被接收：服务器不认识做它的手机", "Not taken: {}; the server does not know the phone that made it";
    CARRY_NO_FILE: "请先选择文件", "Choose the file first";
    CARRY_CODE_FORM: "提取码是 12 位字母和数字", "The code has 12 letters and digits";
    CARRY_WRONG_CODE: "提取码不对，或文件不完整。请核对提取码，或请同事重新发送", "The code is wrong, or the file is not whole. Check the code, or ask for the file again";
    CARRY_NOT_OURS: "这不是枫格的文件", "This is not a file of Fengge";
    CARRY_TOO_MUCH: "记录较多，二维码装不下。请做成文件", "Too much for QR codes. Make a file instead";
    CARRY_FULL: "本机放不下了。请先到有信号的地方送达已收下的，再试一次", "No room here. Send what was taken along where there is a signal, then try again";
    CARRY_NO_KEY: "本机还不能这样做：先在有信号的地方同步一次", "This phone cannot do that yet: sync once where there is a signal";
    FIRST_LOAD: "给新手机带记录", "Records for a new phone";
    FIRST_LOAD_LEAD: "同事换了手机，加入后可从文件接收这里已送达的记录，不用流量。只给管这些网格的同事。", "A colleague’s new phone that has joined can take the records from a file, without the network. Only for colleagues of these grids.";
    FIRST_LOAD_ALL: "全部网格", "All grids";
    FIRST_LOAD_MAKE: "打包记录", "Pack the records";
    FIRST_LOAD_TAKEN: "已收下 {} 条记录", "Records taken in: {}";
    FIRST_LOAD_TOO_MUCH: "记录太多，一个文件装不下。请选一个网格", "Too much for one file. Choose one grid";
    FIRST_LOAD_NOTHING: "这里还没有已送达的记录", "There are no records here that were sent";
    FIRST_LOAD_NOT_FOR_YOU: "这些记录不归您看，没有收下", "These records are not for you; nothing was taken";
    CARRY_NO_STORE: "读不出本机的记录，请稍后再试", "The records of this phone cannot be read; try again in a moment";
    VERSION: "版本", "Version";
    UPDATE_READY: "有新版本", "A new version is ready";
    UPDATE_NOW: "现在更新", "Update now";
    ABOUT: "枫格不做什么", "What Fengge does not do";
    ABOUT_TEXT: "不建人口台账，不给人贴标签或定颜色，不按人搜索案件，不记身份证号、民族、宗教、政治面貌，不在后台定位，没有积分、排名、在线时长和强制打卡。", "No population register, no labels or colours on people, no search across cases by person, no ID numbers, ethnicity, religion or politics, no background tracking, no points, rankings, online hours or forced check-ins.";

    // Notices.
    CLOSED_UNAVAILABLE: "这个浏览器窗口不能保存数据（可能是无痕模式）。请用普通窗口打开。", "This window cannot keep data (a private window?). Please use a normal one.";
    CLOSED_NEWER: "本机数据由新版本写成。请刷新页面更新。记录没有丢失。", "This phone’s data was written by a newer version. Reload to update. Nothing is lost.";
    CLOSED_BLOCKED: "请先关闭枫格的其他窗口，再刷新。", "Close the other windows of Fengge, then reload.";
    CLOSED_FULL: "手机空间已满，请清理一些照片或应用后再打开。", "The phone is full: free some space and open again.";
    CLOSED_BROKEN: "浏览器打不开本机数据。请重启手机再试；不要清除浏览器数据。", "The browser cannot open the data. Restart the phone and try again; do not clear the browser’s data.";
    NOTICE_BLOCKED: "请关闭枫格的其他窗口。", "Please close the other windows of Fengge.";
    NOTICE_CLOSING: "新版本已在另一个窗口打开，请刷新本页。", "A newer version is open in another window: reload this page.";
    NOTICE_CLOSED: "浏览器关闭了本机数据，请刷新本页。输入的内容已存草稿。", "The browser closed the data: reload this page. What you typed is kept as a draft.";
    CASE_SHUNNED: "打开这条记录时枫格出错停过，所以先放在一边；记录没有丢失，其他记录不受影响。", "Fengge stopped while opening this record, so it is left alone for now. Nothing is lost and other records are not affected.";
    PLAIN_LEAD: "枫格连续几次出错停下。已保存的记录都在本机，没有丢失。可以先导出未送达的记录交给所里，再重新打开。", "Fengge stopped several times in a row. Saved records are safe on this phone. Export what was not sent, then open again.";
    OPEN_AGAIN: "重新打开", "Open again";
    NOTICE_SPARE: "手机上的数据库打不开，枫格改用备用存储：可以照常登记，联网后送达。请重启手机再试，不要清除浏览器数据。", "The database on this phone does not open. Fengge keeps your work in a second place: go on recording, it is sent when online. Restart the phone; do not clear the browser’s data.";
    EXPORT_LEAD: "没有网络时，可请同事代为送达未送达的记录。", "Without a network, let a colleague send what waits.";
    EXPORT: "导出未送达", "Export unsent";
    EXPORT_NOTHING: "没有未送达的记录", "Nothing waits to be sent";
    UNDERSTOOD: "知道了", "OK";
    DAMAGE_TOTAL: "浏览器丢失了本机保存的数据。", "The browser lost the data on this phone.";
    DAMAGE_TAIL: "浏览器丢失了本机最近保存的一部分数据。", "The browser lost the last part of the data on this phone.";
    DAMAGE_BACK: "未送达的 {} 条已从备份找回：", "Of what was not sent, {} records are back from the second copy: ";
    DAMAGE_GONE: "有 {} 处未送达的改动没有找回，请核对后补记。", "{} changes that were not sent did not come back: please check and record them again.";
    DAMAGE_REST: "已送达的会在联网后自动取回。", "What was sent comes back by itself when online.";
    NOTICE_LOST: "浏览器报告本机数据损坏，已重新建立。请联网同步，并告诉所里。", "The browser reported damaged data and started afresh. Sync when online and tell the station.";
    RELOAD: "刷新", "Reload";
}

/// Chinese by its own name, in every language.
pub const CHINESE: &str = "中文";
/// English by its own name, in every language.
pub const ENGLISH: &str = "English";
