account-title = Chọn tài khoản
account-continue = Tiếp tục với tên
account-another = Dùng tài khoản khác
