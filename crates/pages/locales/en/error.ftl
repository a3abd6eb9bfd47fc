error-back = Go back
error-for-developer = For the app’s developer
error-code = Error code
error-hint = Details

error-unknown-client-title = We do not know this app
error-unknown-client-what = The app that sent you here is not registered, or it has been switched off.
error-unknown-client-next = Close this page. If you need the app, ask the people who make it; nothing is wrong with your account.
error-unknown-client-developer = No enabled client of this realm has the client_id of the request. Check the id, and that the request goes to the right realm.

error-redirect-uri-title = This app’s return address is not right
error-redirect-uri-what = The app wanted you to be sent to an address that is not registered for it. We stopped here to protect you.
error-redirect-uri-next = Close this page and open the app anew. If it happens again, tell the people who make the app.
error-redirect-uri-developer = The redirect_uri must equal a registered one character by character: scheme, host, port, path, and the slash at its end.

error-expired-page-title = This page has expired
error-expired-page-what = For your safety a log-in has to be finished within an hour, and this one was started longer ago.
error-expired-page-next = Go back to the app and start the log-in again.
error-expired-page-developer = The continuation is older than its lifetime. Start a new authorization request; do not store or share the address of this page.

error-other-browser-title = This page belongs to another browser
error-other-browser-what = The log-in was started in another browser or a private window, or the cookies were deleted in between.
error-other-browser-next = Open the app in this browser and start the log-in here. Cookies must be allowed.
error-other-browser-developer = The continuation is bound to the browser that began. An app must send the person to the authorization endpoint, not to an address copied from elsewhere.

error-invalid-request-title = The app’s request is not right
error-invalid-request-what = The app that sent you here made a request that we cannot carry out. Nothing was changed.
error-invalid-request-next = Go back to the app and try again. If it happens again, tell the people who make the app and give them the error code below.
error-invalid-request-developer = A parameter is missing, repeated or malformed. The details name it.

error-not-found-title = There is no such page
error-not-found-what = Nothing is at this address. A link may be old or a letter may be missing.
error-not-found-next = Check the address, or go back to where you came from.
error-not-found-developer = No route of this realm has this path. Its endpoints are listed in the metadata document.

error-method-not-allowed-title = This address cannot be opened like that
error-method-not-allowed-what = The address exists, but it is not a page to be opened in this way.
error-method-not-allowed-next = Go back to the app and start again from there.
error-method-not-allowed-developer = The path does not take this HTTP method. The Allow header lists those it takes.

error-too-large-title = The request is too large
error-too-large-what = More was sent than this address takes, so it was not read.
error-too-large-next = Go back to the app and try again. If it happens again, deleting this site’s cookies may help.
error-too-large-developer = The body or the headers are over their limit. Send only the parameters that the specification names.

error-unsupported-media-type-title = The request came in the wrong form
error-unsupported-media-type-what = What was sent is in a format that this address does not read.
error-unsupported-media-type-next = Go back to the app and try again. If it happens again, tell the people who make the app.
error-unsupported-media-type-developer = Send application/x-www-form-urlencoded unless the endpoint’s description says otherwise.

error-too-many-requests-title = Too many attempts
error-too-many-requests-what = Very many requests came from your network in a short time, so we are taking a short break.
error-too-many-requests-next = Wait some minutes, then try again. Your account is safe.
error-too-many-requests-developer = The limit for one source was reached. Wait as long as the Retry-After header says.

error-unavailable-title = We will be right back
error-unavailable-what = The service cannot be reached at this moment. Nothing was changed, and nothing is wrong with your account.
error-unavailable-next = Wait a moment, then load this page again.
error-unavailable-developer = The server cannot reach its store. Repeating the request is safe; wait a little longer each time.

error-unknown-host-title = Nobody lives at this address
error-unknown-host-what = This server answers, but not under the name in your address bar.
error-unknown-host-next = Check the address for typing errors, or go back to the app.
error-unknown-host-developer = No realm has the host, with port, of this request. Behind a proxy, make sure that the Host header is passed on unchanged.
