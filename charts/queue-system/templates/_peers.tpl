{{/* The peers behind a host: those of `to`, else the address that the host is, else the pods of the
     Service's namespace; nothing for a name from outside the cluster. Arguments: list ROOT HOST TO. */}}
{{- define "queue-system.peersOf" -}}
{{- $root := index . 0 -}}
{{- $host := index . 1 | trimPrefix "[" | trimSuffix "]" | trimSuffix "." -}}
{{- $labels := splitList "." $host -}}
{{- if index . 2 -}}
{{- toYaml (index . 2) -}}
{{- else if or (contains ":" $host) (regexMatch "^[0-9.]+$" $host) -}}
- ipBlock: {cidr: {{ printf "%s/%s" $host (ternary "128" "32" (contains ":" $host)) | quote }}}
{{- else if eq (len $labels) 1 -}}
- podSelector: {}
{{- else if eq (len $labels) 2 -}}
{{- include "queue-system.podsIn" (last $labels) -}}
{{- else if contains ".svc." (printf "%s." $host) -}}
{{- include "queue-system.podsIn" (regexReplaceAll "[.]svc([.].*)?$" $host "" | splitList "." | last) -}}
{{- end -}}
{{- end -}}

{{- define "queue-system.podsIn" -}}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ . }}
{{- end -}}

{{/* The peers behind externalRedis: behind its host, or behind its Sentinels, beside which the primary
     and its replicas are taken to be; nothing where one of them is a name from outside. */}}
{{- define "queue-system.externalRedisPeers" -}}
{{- $external := .Values.externalRedis -}}
{{- $peers := list -}}
{{- $known := true -}}
{{- range default (list (include "queue-system.redisAddress" .)) $external.sentinel.addresses -}}
{{- $found := include "queue-system.peersOf" (list $ (regexReplaceAll ":[0-9]+$" . "") $external.to) -}}
{{- $known = and $known (ne $found "") -}}
{{- $peers = concat $peers (fromYamlArray $found) -}}
{{- end -}}
{{- if $known -}}{{- uniq $peers | toYaml -}}{{- end -}}
{{- end -}}

{{/* The public internet, as peers: the world without private ranges and the cluster's own. */}}
{{- define "queue-system.publicPeers" -}}
{{- $deny := include "queue-system.cidrs" .Values.egress.deny | fromJsonArray -}}
{{- $except := concat $deny .Values.networkPolicy.clusterCIDRs -}}
{{- $worlds := dict "0.0.0.0/0" (list "10.0.0.0/8" "100.64.0.0/10" "127.0.0.0/8" "169.254.0.0/16" "172.16.0.0/12" "192.168.0.0/16") "::/0" (list "fc00::/7" "fe80::/10") -}}
{{- range $world, $private := $worlds }}
{{- if not (has $world $except) }}
- ipBlock:
    cidr: {{ $world | quote }}
    except:
      {{- range $private }}
      - {{ . | quote }}
      {{- end }}
      {{- range $except }}
      {{- if and (eq (contains ":" .) (contains ":" $world)) (not (has . $private)) }}
      - {{ . | quote }}
      {{- end }}
      {{- end }}
{{- end }}
{{- end }}
{{- end -}}
