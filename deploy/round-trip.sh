# Shows one request on its way: what the tool sent, what the provider saw, what the tool got back. Sourced by up.sh.
# shellcheck shell=bash

box_width=76

# Frames are drawn with line characters where the terminal knows them.
case "${LC_ALL:-${LC_CTYPE:-${LANG:-}}}" in
    *UTF-8* | *utf8*) rule='─' side='│' corners=('┌' '┐' '└' '┘') ;;
    *) rule='-' side='|' corners=('+' '+' '+' '+') ;;
esac
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    paint() { printf '\033[%sm%s\033[0m' "$1" "$2"; }
    colours=true
else
    paint() { printf '%s' "$2"; }
    colours=false
fi

# line_of COUNT: COUNT rule characters.
line_of() {
    local i text=
    for ((i = 0; i < $1; i++)); do text+=$rule; done
    printf '%s' "$text"
}

# box TITLE COLOUR TEXT PART...: TEXT in a frame with every PART painted, or underlined where there is no colour.
box() {
    local title=$1 colour=$2 text=$3 line shown marks padding part
    shift 3
    printf '%s%s %s %s%s\n' "${corners[0]}" "$rule" "$title" "$(line_of $((box_width - ${#title} - 1)))" "${corners[1]}"
    while IFS= read -r line; do
        shown=$line
        marks=${line//?/ }
        for part in "$@"; do
            case $line in *"$part"*) ;; *) continue ;; esac
            shown=${shown//"$part"/"$(paint "$colour" "$part")"}
            local before=${line%%"$part"*}
            marks=${marks:0:${#before}}${part//?/^}${marks:$((${#before} + ${#part}))}
        done
        padding=$((box_width - ${#line}))
        printf '%s %s%*s %s\n' "$side" "$shown" "$((padding > 0 ? padding : 0))" '' "$side"
        if ! $colours && [ -n "${marks// /}" ]; then
            printf '%s %-*s %s\n' "$side" "$box_width" "$marks" "$side"
        fi
    done <<<"$text"
    printf '%s%s%s\n' "${corners[2]}" "$(line_of $((box_width + 2)))" "${corners[3]}"
}

# round_trip GATEWAY MOCK: sends a made-up prompt through GATEWAY; MOCK reports what reached it.
round_trip() {
    local gateway=$1 mock=$2 id="round-trip-$$" body seen reply got secret token
    # Made up for this page. In two halves, so that nobody's scanner stumbles over this file.
    local password='Vq7m''Lz2xRt9w' key='sk_''live_9aQ2xL7mVd4KpR8tYw3ZcN6b'
    body='{
  "model": "demo",
  "stream": true,
  "messages": [{
    "role": "user",
    "content": "Check this deployment:
      DATABASE_URL=postgres://app:'$password'@db/orders
      STRIPE_KEY='$key'"
  }]
}'
    # Line breaks inside a JSON string are written as \n.
    body=$(awk '/Check this|DATABASE_URL/ { printf "%s\\n", $0; next } { print }' <<<"$body")
    reply=$(curl -fsS --max-time 20 "$gateway/v1/chat/completions" \
        -H 'content-type: application/json' -H "x-mock-id: $id" --data-binary "$body")
    seen=$(last_record "$mock" "$id")
    got=$(text_of_stream <<<"$reply")

    local tokens=()
    while IFS= read -r token; do tokens+=("$token"); done < <(grep -oE 'AEGIS-[A-Z]+-[0-9A-Z]{21}' <<<"$seen" | sort -u)
    echo
    box 'what the tool sent' '1;31' "$(unfold "$body")" "$password" "$key"
    box 'what the provider saw' '1;33' "$(unfold "$seen")" "${tokens[@]}"
    box 'what the tool got back, streamed' '1;32' "$got" "$password" "$key"
    for secret in "$password" "$key"; do
        case $seen in *"$secret"*) echo "a secret reached the provider" >&2; return 1 ;; esac
        case $got in *"$secret"*) ;; *) echo "a secret did not come back" >&2; return 1 ;; esac
    done
    [ ${#tokens[@]} -eq 2 ] || { echo "the provider saw ${#tokens[@]} tokens instead of 2" >&2; return 1; }
    echo "The two secrets were made up for this page; both left as tokens and both came back."
    echo
}

# Shows the \n inside JSON strings as line breaks.
unfold() { printf '%s\n' "${1//'\n'/$'\n'}"; }

# last_record MOCK ID: the body of the request that the mock received under ID.
last_record() {
    curl -fsS --max-time 20 "$1/__mock/records?id=$2" | grep -oE '"body" ?: ?"[^"]*"' | tail -n 1 |
        sed 's/.*"\([^"]*\)"$/\1/' | base64 -d
}

# The text of a chat-completions stream: the content of every delta, joined.
text_of_stream() {
    local joined
    joined=$(sed -n 's/^data: //p' | grep -oE '"content" ?: ?"([^"\\]|\\.)*"' |
        sed -E 's/^"content" ?: ?"(.*)"$/\1/' | tr -d '\n')
    unfold "$joined"
}
