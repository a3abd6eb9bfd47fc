sandbox-badge = Sandbox
sandbox-realms = Các realm
sandbox-requests-link = Yêu cầu gần đây
sandbox-lead = Realm để bạn tích hợp thử: giao thức thật, dữ liệu mẫu. Mọi thứ trên trang này đều có thể sao chép; không có gì bí mật.
sandbox-issuer = Issuer
sandbox-commands = Thử ngay
sandbox-people = Người dùng mẫu
sandbox-people-note = Có thể đăng nhập vào realm này.
sandbox-person-name = Họ tên
sandbox-person-username = Tên đăng nhập
sandbox-person-password = Mật khẩu
sandbox-clients = Ứng dụng đã đăng ký
sandbox-client-public = công khai, không có secret
sandbox-client-try = Thử đăng nhập với ứng dụng này
sandbox-endpoints = Endpoint
sandbox-home = Về trang của realm

sandbox-callback-title = Quay về ứng dụng
sandbox-callback-code = Đã đăng nhập: đây là mã
sandbox-callback-code-note = Mã chỉ dùng được một lần và trong thời gian ngắn. Hãy đổi lấy token ngay:
sandbox-callback-error = Ứng dụng nhận được lỗi
sandbox-callback-nothing = Chưa có gì được gửi về
sandbox-callback-nothing-note = Trang này cho thấy một yêu cầu cấp quyền mang gì về. Hãy bắt đầu từ trang của realm.
sandbox-callback-parameters = Dữ liệu nhận được

sandbox-requests-title = Yêu cầu gần đây
sandbox-requests-lead = Mới nhất ở trên. Token và secret chỉ hiện độ dài và mã băm.
sandbox-requests-empty = Chưa có yêu cầu nào. Hãy gửi một yêu cầu rồi tải lại trang này.
sandbox-requests-reason = Lý do:
sandbox-requests-mistake = Lỗi:

sandbox-sheet-title = Siêu ứng dụng hỏi
sandbox-sheet-scopes = Bạn cho phép
sandbox-sheet-person = Ai đang đăng nhập siêu ứng dụng
sandbox-sheet-confirm = Xác nhận
sandbox-sheet-result = Ứng dụng nhận được từ my.getAuthCode
sandbox-sheet-result-note = Mã chỉ dùng được một lần và trong thời gian ngắn. Máy chủ của ứng dụng đổi mã lấy token.
