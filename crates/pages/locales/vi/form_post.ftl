form-post-title = Đang chuyển bạn đến ứng dụng
form-post-lead = Bạn sẽ được đưa trở lại ứng dụng ngay. Nếu trang không tự chuyển, hãy bấm nút bên dưới để đến
form-post-submit = Tiếp tục
