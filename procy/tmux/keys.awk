# In: lines "wanted ACTION KEY", then what list-keys prints of the tables prefix and procy-wanted.
# Out: "bind ACTION KEY", "skip ACTION KEY" (taken by the user, unknown to tmux, or wanted twice), "unbind KEY" (ours, no more
# wanted). Keys to bind are written as tmux writes them.

$1 == "wanted" { actions[++count] = $2; asked[$2] = $3 }

$1 == "bind-key" {
    sub(/^bind-key +(-r +)?-T +/, "")
    table = $1
    key = $2
    sub(/^[^ ]+ +[^ ]+ +/, "")
    if (table == "prefix") command[key] = $0
    else wish[$NF] = key
}

function ours(key) { return command[key] ~ /@procy_parts/ }

function free(key) { return !(key in command) || ours(key) || (key == "!" && command[key] == "break-pane") }

END {
    for (place = 1; place <= count; place++) {
        action = actions[place]
        if ((action in wish) && free(wish[action])) {
            print "bind", action, wish[action]
            bound[wish[action]]
        } else print "skip", action, asked[action]
    }
    for (key in command) if (ours(key) && !(key in bound)) print "unbind", key
}
