{{/* What the worker may deliver to beside the public internet; `helm test` receives a task itself. */}}
{{- define "queue-system.egressAllow" -}}
{{- $allow := .Values.egress.allow -}}
{{- if .Values.tests.enabled -}}
{{- $allow = append $allow (include "queue-system.testHost" .) -}}
{{- end -}}
{{- join "," $allow -}}
{{- end -}}

{{- define "queue-system.testHost" -}}
{{ include "queue-system.fullname" . }}-test.{{ .Release.Namespace }}.svc
{{- end -}}

{{/* The CIDRs of a list that holds host suffixes too, addresses made CIDRs; as JSON. */}}
{{- define "queue-system.cidrs" -}}
{{- $cidrs := list -}}
{{- range . -}}
{{- if contains "/" . -}}
{{- $cidrs = append $cidrs . -}}
{{- else if contains ":" . -}}
{{- $cidrs = append $cidrs (printf "%s/128" .) -}}
{{- else if regexMatch "^[0-9.]+$" . -}}
{{- $cidrs = append $cidrs (printf "%s/32" .) -}}
{{- end -}}
{{- end -}}
{{- toJson $cidrs -}}
{{- end -}}

{{/* Where workers deliver to: the world without private ranges, and what is allowed beside it. */}}
{{- define "queue-system.egressDestinations" -}}
{{- $deny := include "queue-system.cidrs" .Values.egress.deny | fromJsonArray -}}
{{- $except := concat $deny .Values.networkPolicy.clusterCIDRs -}}
{{- $worlds := dict "0.0.0.0/0" (list "10.0.0.0/8" "100.64.0.0/10" "127.0.0.0/8" "169.254.0.0/16" "172.16.0.0/12" "192.168.0.0/16") "::/0" (list "fc00::/7" "fe80::/10") -}}
- to:
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
    {{- range include "queue-system.cidrs" .Values.egress.allow | fromJsonArray }}
    - ipBlock:
        cidr: {{ . | quote }}
    {{- end }}
    {{- with .Values.networkPolicy.extraWorkerTo }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
