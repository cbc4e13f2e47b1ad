{{/* The entries of egress.allow and egress.deny that are no IPv4 address or network, as a JSON list of
     sentences. A network ends in as many zero bits as its prefix leaves. */}}
{{- define "queue-system.wrongEgress" -}}
{{- $wrong := list -}}
{{- range $name, $entries := .Values.egress -}}
{{- range $entries -}}
{{- if and (regexMatch "^[0-9.]+(/[0-9]+)?$" .) (ne (include "queue-system.isIPv4" .) "true") -}}
{{- $wrong = append $wrong (printf "egress.%s: %s is no network. A network is its first address with its prefix, such as 10.0.0.0/8." $name .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $wrong -}}
{{- end -}}

{{/* True for an IPv4 address, or for the first address of a network with its prefix. */}}
{{- define "queue-system.isIPv4" -}}
{{- $parts := splitList "/" (ternary . (printf "%s/32" .) (contains "/" .)) -}}
{{- $bytes := splitList "." (first $parts) -}}
{{- $right := and (eq (len $bytes) 4) (le (last $parts | int) 32) -}}
{{- $value := 0 -}}
{{- range $bytes -}}
{{- $right = and $right (regexMatch "^(0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])$" .) -}}
{{- $value = add (mul $value 256) (int .) -}}
{{- end -}}
{{- $size := 1 -}}
{{- range until (sub 32 (last $parts | int) | max 0 | int) -}}{{- $size = mul $size 2 -}}{{- end -}}
{{- and $right (eq (mod $value $size) 0) -}}
{{- end -}}
