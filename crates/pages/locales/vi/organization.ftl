organization-title = Chọn cửa hàng
organization-lead = Đăng nhập với tên
organization-not-enough = Chỉ quản trị viên của cửa hàng này mới cho phép được điều ứng dụng yêu cầu.
