// Sends the page's one form, as its button would.
document.forms[0].submit();
