organization-title = Chọn cửa hàng
organization-lead = Đăng nhập với tên
organization-not-enough = Vai trò của bạn ở cửa hàng này chưa đủ để cho phép điều ứng dụng yêu cầu.
