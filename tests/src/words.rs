//! Names of controls and headings in both languages, as the table of fixed names has them.

/// One name, Chinese and English.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// Simplified Chinese.
    pub zh: &'static str,
    /// English.
    pub en: &'static str,
}

impl Word {
    /// True when a control that is called `name` is meant.
    pub fn is(self, name: &str) -> bool {
        let name = name.trim();
        name == self.zh || name == self.en
    }
}

const fn word(zh: &'static str, en: &'static str) -> Word {
    Word { zh, en }
}

/// Link in the settings, for one more person on the same phone.
pub const JOIN_ANOTHER: Word = word("另一人加入", "Another person joins");
/// Button beside a person in the settings.
pub const SWITCH: Word = word("切换", "Switch");
/// Heading and button of the join screen.
pub const JOIN: Word = word("加入", "Join");
/// Link to the screen on which a phone is let in again.
pub const TYPE_CODE: Word = word("输入邀请码", "Type the code");
/// Heading and button of that screen.
pub const AGAIN: Word = word("重新进入", "Let this phone in again");
/// Field of the join screen.
pub const CODE: Word = word("邀请码", "Invitation code");
/// Heading of the officer's home.
pub const TODAY: Word = word("今天", "Today");
/// Button on the home screen and heading of the form.
pub const NEW_DISPUTE: Word = word("登记纠纷", "New dispute");
/// Button on the home screen.
pub const START_PATROL: Word = word("开始巡逻", "Start patrol");
/// Button on the home screen and heading of the form.
pub const NEW_HAZARD: Word = word("登记隐患", "New hazard");
/// Button on the home screen.
pub const SYNC_NOW: Word = word("立即同步", "Sync now");
/// Field.
pub const CATEGORY: Word = word("类别", "Category");
/// Field.
pub const PLACE: Word = word("地点", "Place");
/// Field.
pub const WHAT_HAPPENED: Word = word("简况", "What happened");
/// Field.
pub const PARTY_A_NAME: Word = word("甲方姓名", "Party A name");
/// Field.
pub const PARTY_A_PHONE: Word = word("甲方电话", "Party A phone");
/// Field.
pub const PARTY_B_NAME: Word = word("乙方姓名", "Party B name");
/// Field.
pub const PARTY_B_PHONE: Word = word("乙方电话", "Party B phone");
/// Field.
pub const LEVEL: Word = word("级别", "Level");
/// Field of a hazard.
pub const DESCRIPTION: Word = word("描述", "Description");
/// Field of every form of a new record, where there are several.
pub const GRID: Word = word("网格", "Grid");
/// Button of a draft that came back.
pub const DRAFT_DISCARD: Word = word("不要了，重新填", "Discard and start over");
/// Note above a draft that came back.
pub const DRAFT_RESTORED: Word = word("已恢复上次没有保存的内容", "What you had not saved is back");
/// Note above a form whose draft another window has.
pub const DRAFT_ELSEWHERE: Word =
    word("另一个窗口正开着", "Another window has the unfinished form");
/// Note below a form whose draft is kept.
pub const DRAFT_KEPT: Word = word("草稿已存在本机", "Draft kept on this phone");
/// Link at home to a form that was left.
pub const DRAFT_LEFT: Word = word("有一份没有保存的登记", "An unfinished form is waiting");
/// Note above a form whose record was saved before.
pub const SAVED_BEFORE: Word = word("这份登记以前保存过", "This form was saved before");
/// Button on a case.
pub const SHOW_PARTIES: Word = word("显示当事人", "Show parties");
/// Button of every form.
pub const SAVE: Word = word("保存", "Save");
/// Button on a case.
pub const ADD_EVENT: Word = word("添加进展", "Add event");
/// Button on a case.
pub const SESSION: Word = word("调解记录", "Session");
/// Button on a case.
pub const AGREEMENT: Word = word("达成协议", "Agreement");
/// Button on a case.
pub const CLOSE_CASE: Word = word("结案", "Close case");
/// Button of every sheet.
pub const CLOSE: Word = word("关闭", "Close");
/// Button on a case.
pub const EDIT: Word = word("修改", "Edit");
/// Button beside each of two values that were written at the same time.
pub const USE_THIS: Word = word("用这个", "Use this");
/// The same button after the first touch.
pub const USE_THIS_SURE: Word = word("再点一次确定", "Tap again to decide");
/// What is said on a case that two people changed.
pub const TWO_WROTE: Word = word("两人同时修改了", "Two people changed");
/// Field of an event and others.
pub const TEXT: Word = word("内容", "Text");
/// Heading of the list.
pub const MY_RECORDS: Word = word("我的记录", "My records");
/// Field of the list.
pub const SEARCH: Word = word("搜索", "Search");
/// Heading of a patrol.
pub const PATROL: Word = word("巡逻", "Patrol");
/// Button of a patrol.
pub const PAUSE: Word = word("暂停", "Pause");
/// Button of a patrol.
pub const RESUME: Word = word("继续", "Resume");
/// Button of a patrol.
pub const CHECK_IN: Word = word("到点", "Check in");
/// Button of a patrol.
pub const FINISH: Word = word("结束", "Finish");
/// Heading of the station's screen.
pub const STATION: Word = word("本所", "Station");
/// Heading of the supervisor's screen.
pub const OVERVIEW: Word = word("概览", "Overview");
/// Heading of the settings.
pub const SETTINGS: Word = word("设置", "Settings");
/// State of a record that has not left the phone.
pub const ON_PHONE: Word = word("在本机", "On this phone");
/// State of a record that the server has.
pub const SENT: Word = word("已送达", "Sent");
/// State of a record that the station has opened.
pub const SEEN: Word = word("所里已见", "Seen at station");
/// State of a record that somebody must look at.
pub const NEEDS_ATTENTION: Word = word("需处理", "Needs attention");
/// Button that opens the camera.
pub const TAKE_PHOTO: Word = word("拍照", "Take photo");
/// The first photo of a record.
pub const PHOTO_1: Word = word("照片 1", "Photo 1");
/// The second.
pub const PHOTO_2: Word = word("照片 2", "Photo 2");
/// Button below a photo.
pub const PHOTO_DELETE: Word = word("删除照片", "Remove photo");
/// Button that means it.
pub const PHOTO_DELETE_YES: Word = word("确定删除", "Yes, remove");
/// Switch of the settings.
pub const WIFI_ONLY: Word = word("照片仅在 Wi-Fi 下上传", "Send photos on Wi-Fi only");
/// The status line when nothing waits.
pub const ALL_DELIVERED: Word = word("全部送达", "Everything is sent");
/// Button that lets a new version in.
pub const UPDATE_NOW: Word = word("现在更新", "Update now");
/// Button on a record that was left alone.
pub const TRY_AGAIN: Word = word("再试一次", "Try again");
/// Button of the page after crashes in a row.
pub const OPEN_AGAIN: Word = word("重新打开", "Open again");
/// Part of the status line while something stands between phone and server.
pub const NOT_SENT: Word = word("可继续工作", "you can go on working");

/// Heading of what to do without a signal.
pub const NO_SIGNAL: Word = word("没有信号时", "Without a signal");
/// Button that makes a file of what waits.
pub const CARRY_MAKE: Word = word("做成文件", "Make a file");
/// Button that hands the file on.
pub const CARRY_GIVE: Word = word("发送或保存文件", "Send or save the file");
/// Button that shows what waits as QR codes.
pub const CARRY_SHOW: Word = word("显示二维码", "Show QR codes");
/// Button that films a colleague's QR codes.
pub const CARRY_SCAN: Word = word("扫描二维码", "Scan QR codes");
/// What is said while the camera looks for codes.
pub const CARRY_POINT: Word = word("请对准同事手机上的二维码", "Point at the QR codes");
/// Field for the code of a colleague's file.
pub const CARRY_CODE: Word = word("提取码", "Code");
/// Button that takes a colleague's file along.
pub const CARRY_TAKE: Word = word("收下", "Take");
/// A control.
pub const EXPORT: Word = word("导出未送达", "Export unsent");
/// A control.
pub const FIRST_LOAD_MAKE: Word = word("打包记录", "Pack the records");
/// What is said of records that came from a file.
pub const FIRST_LOAD_TAKEN: Word = word("已收下", "Records taken in");
/// What is said of a code that does not open a file.
pub const CARRY_WRONG_CODE: Word = word("提取码不对", "The code is wrong");
/// What is said when all is sent.
pub const CARRY_TAKEN: Word = word("已代为送达", "Changes sent for them");
/// What is said while there is no network.
pub const CARRY_WAITING: Word = word("有信号时自动送达", "sent when there is a signal");
