error-back = Quay lại
error-for-developer = Dành cho nhà phát triển ứng dụng
error-code = Mã lỗi
error-hint = Chi tiết

error-unknown-client-title = Chúng tôi không nhận ra ứng dụng này
error-unknown-client-what = Ứng dụng đưa bạn đến đây chưa được đăng ký hoặc đã bị tắt.
error-unknown-client-next = Hãy đóng trang này. Nếu cần dùng ứng dụng, hãy hỏi đơn vị phát triển; tài khoản của bạn không có vấn đề gì.
error-unknown-client-developer = Không có client nào đang bật trong realm này mang client_id của yêu cầu. Hãy kiểm tra client_id và xem yêu cầu có gửi đúng realm không.

error-redirect-uri-title = Địa chỉ quay về của ứng dụng không đúng
error-redirect-uri-what = Ứng dụng muốn chuyển bạn đến một địa chỉ chưa được đăng ký. Chúng tôi dừng lại tại đây để bảo vệ bạn.
error-redirect-uri-next = Hãy đóng trang này và mở lại ứng dụng. Nếu vẫn gặp lỗi, hãy báo cho đơn vị phát triển ứng dụng.
error-redirect-uri-developer = redirect_uri phải giống hệt một địa chỉ đã đăng ký, từng ký tự một: giao thức, tên miền, cổng, đường dẫn và cả dấu gạch chéo cuối.

error-expired-page-title = Trang này đã hết hạn
error-expired-page-what = Để an toàn, mỗi lần đăng nhập phải hoàn tất trong vòng một giờ, và lần này đã bắt đầu lâu hơn thế.
error-expired-page-next = Hãy quay lại ứng dụng và đăng nhập lại từ đầu.
error-expired-page-developer = Dữ liệu tiếp nối đã quá hạn. Hãy tạo một yêu cầu cấp quyền mới; đừng lưu hay chia sẻ địa chỉ của trang này.

error-other-browser-title = Trang này thuộc về một trình duyệt khác
error-other-browser-what = Lần đăng nhập này được bắt đầu ở trình duyệt khác hoặc cửa sổ ẩn danh, hoặc cookie đã bị xóa giữa chừng.
error-other-browser-next = Hãy mở ứng dụng trong trình duyệt này rồi đăng nhập tại đây. Trình duyệt cần cho phép cookie.
error-other-browser-developer = Dữ liệu tiếp nối gắn với trình duyệt đã bắt đầu. Ứng dụng phải đưa người dùng đến authorization endpoint, không phải đến địa chỉ sao chép từ nơi khác.

error-invalid-request-title = Yêu cầu của ứng dụng không hợp lệ
error-invalid-request-what = Ứng dụng đưa bạn đến đây đã gửi một yêu cầu mà chúng tôi không thể thực hiện. Chưa có gì thay đổi.
error-invalid-request-next = Hãy quay lại ứng dụng và thử lại. Nếu vẫn gặp lỗi, hãy báo cho đơn vị phát triển ứng dụng kèm mã lỗi bên dưới.
error-invalid-request-developer = Có tham số bị thiếu, bị lặp hoặc sai định dạng. Phần chi tiết nêu rõ tham số nào.

error-not-found-title = Không có trang này
error-not-found-what = Không có gì ở địa chỉ này. Có thể đường dẫn đã cũ hoặc thiếu một ký tự.
error-not-found-next = Hãy kiểm tra lại địa chỉ hoặc quay lại nơi bạn vừa đến.
error-not-found-developer = Realm này không có đường dẫn như vậy. Các endpoint được liệt kê trong tài liệu metadata.

error-method-not-allowed-title = Không thể mở địa chỉ này theo cách đó
error-method-not-allowed-what = Địa chỉ này có tồn tại nhưng không phải là trang để mở theo cách vừa rồi.
error-method-not-allowed-next = Hãy quay lại ứng dụng và bắt đầu lại từ đó.
error-method-not-allowed-developer = Đường dẫn không nhận phương thức HTTP này. Header Allow liệt kê các phương thức được nhận.

error-too-large-title = Yêu cầu quá lớn
error-too-large-what = Dữ liệu gửi đến nhiều hơn mức địa chỉ này nhận nên đã không được đọc.
error-too-large-next = Hãy quay lại ứng dụng và thử lại. Nếu vẫn gặp lỗi, thử xóa cookie của trang này.
error-too-large-developer = Nội dung hoặc header vượt quá giới hạn. Chỉ gửi những tham số mà đặc tả nêu.

error-unsupported-media-type-title = Yêu cầu được gửi sai định dạng
error-unsupported-media-type-what = Dữ liệu gửi đến có định dạng mà địa chỉ này không đọc được.
error-unsupported-media-type-next = Hãy quay lại ứng dụng và thử lại. Nếu vẫn gặp lỗi, hãy báo cho đơn vị phát triển ứng dụng.
error-unsupported-media-type-developer = Hãy gửi application/x-www-form-urlencoded, trừ khi mô tả của endpoint yêu cầu khác.

error-too-many-requests-title = Quá nhiều lần thử
error-too-many-requests-what = Mạng của bạn đã gửi rất nhiều yêu cầu trong thời gian ngắn nên chúng tôi tạm dừng một lát.
error-too-many-requests-next = Hãy đợi vài phút rồi thử lại. Tài khoản của bạn vẫn an toàn.
error-too-many-requests-developer = Đã đến giới hạn cho một nguồn. Hãy đợi theo thời gian trong header Retry-After.

error-unavailable-title = Chúng tôi sẽ trở lại ngay
error-unavailable-what = Dịch vụ tạm thời không truy cập được. Chưa có gì thay đổi và tài khoản của bạn không có vấn đề gì.
error-unavailable-next = Hãy đợi một chút rồi tải lại trang này.
error-unavailable-developer = Máy chủ không kết nối được với kho dữ liệu. Có thể gửi lại yêu cầu một cách an toàn; mỗi lần hãy đợi lâu hơn một chút.

error-unknown-host-title = Không có ai ở địa chỉ này
error-unknown-host-what = Máy chủ này có trả lời, nhưng không dưới tên miền trên thanh địa chỉ của bạn.
error-unknown-host-next = Hãy kiểm tra xem địa chỉ có gõ nhầm không, hoặc quay lại ứng dụng.
error-unknown-host-developer = Không có realm nào mang host (kèm cổng) của yêu cầu này. Nếu đứng sau proxy, hãy bảo đảm header Host được chuyển nguyên vẹn.
