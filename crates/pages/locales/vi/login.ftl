login-title = Đăng nhập
login-lead = để tiếp tục đến
login-username = Tên đăng nhập
login-password = Mật khẩu
login-submit = Đăng nhập
login-cancel = Hủy và quay lại
login-support = Cần giúp đỡ?

login-error-wrong-password = Tên đăng nhập hoặc mật khẩu chưa đúng. Hãy kiểm tra cả hai, xem phím Caps Lock và bộ gõ tiếng Việt có đang bật không, rồi thử lại.
login-error-throttled = Bạn vừa nhập sai nên cần chờ một chút. Hãy đợi { $seconds } giây rồi thử lại.
login-error-locked = Đã nhập sai quá nhiều lần. Để bảo vệ tài khoản, việc đăng nhập tạm dừng. Hãy thử lại sau { $minutes } phút.
login-error-stale-form = Trang này đã mở quá lâu nên được làm mới. Mời bạn đăng nhập lại.
login-error-busy = Hiện có rất nhiều người đang đăng nhập. Mật khẩu của bạn chưa được kiểm tra; hãy đợi vài giây rồi thử lại.
