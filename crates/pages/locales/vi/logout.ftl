logout-title = Đăng xuất?
logout-asker = Ứng dụng yêu cầu
logout-note = Trình duyệt này sẽ không còn đăng nhập. Những ứng dụng bạn đã cho phép truy cập cả khi bạn không trực tuyến vẫn giữ quyền của chúng.
logout-confirm = Đăng xuất
logged-out-title = Bạn đã đăng xuất
logged-out-text = Bạn có thể đóng trang này.
