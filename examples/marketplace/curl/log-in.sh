# shellcheck shell=bash
# What a person does in the browser: fills in the log-in page and the consent page. No part of an integration.
# Sourced by run.sh; knows the pages' forms and nothing of tokens.

# Prints the address that the browser is sent to at the end: the redirect URI with its parameters.
log_in() { # URL REDIRECT_URI USERNAME PASSWORD
  local url=$1 redirect_uri=$2 username=$3 password=$4
  local cookies page answer status location form action input
  local -a post=()
  cookies=$(mktemp) page=$(mktemp)
  # shellcheck disable=SC2064 # the names of now, because they are local
  trap "rm -f '$cookies' '$page'" RETURN

  for _ in 1 2 3 4 5 6 7 8; do
    answer=$(curl -sS -b "$cookies" -c "$cookies" -o "$page" -w '%{http_code} %{redirect_url}' "${post[@]}" "$url") ||
      return 1
    status=${answer%% *} location=${answer#* }
    case $location in
      "$redirect_uri"[?]*) printf '%s\n' "$location"; return ;;
      ?*) url=$location post=(); continue ;;
    esac

    form=$(tr '\r\n' '  ' <"$page" | sed 's#</form>#&\n#g' | grep -E 'name="(password|decision)"' | head -n 1) || {
      echo "no form to fill in at $url (status $status)" >&2
      return 1
    }
    form="<form${form##*<form}"
    action=$(attribute action "${form%%>*}")
    case $action in
      http*) url=$action ;;
      /*) url=$(sed -E 's#^(https?://[^/?]*).*#\1#' <<<"$url")$action ;;
      '?'*) url=${url%%'?'*}$action ;;
      ?*) url=${url%%'?'*}; url=${url%/*}/$action ;;
    esac

    post=()
    while read -r input; do
      post+=(--data-urlencode "$(attribute name "$input")=$(attribute value "$input")")
    done < <(grep -oE '<input[^>]*( type="hidden"| checked)[^>]*>' <<<"$form" || true)
    if [[ $form == *name=\"password\"* ]]; then
      post+=(--data-urlencode "username=$username" --data-urlencode "password=$password")
    else
      post+=(--data-urlencode decision=allow)
    fi
  done
  echo "the pages did not lead to $redirect_uri" >&2
  return 1
}

attribute() { # NAME TAG
  sed -nE "s/.* $1=\"([^\"]*)\".*/\1/p" <<<"$2" |
    sed -e 's/&#60;\|&lt;/</g' -e 's/&#62;\|&gt;/>/g' -e 's/&#34;\|&quot;/"/g' -e "s/&#39;\|&#x27;/'/g" \
      -e 's/&#38;\|&#x26;\|&amp;/\&/g'
}
