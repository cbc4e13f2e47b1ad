{{/* Name resolution: the cluster's DNS pods, wherever they are, and a node's cache. */}}
{{- define "queue-system.egressDNS" -}}
- to:
    - namespaceSelector: {}
    - ipBlock: {cidr: 169.254.20.10/32}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end -}}

{{/* The chart's own Redis, or an external one, wherever its name leads. */}}
{{- define "queue-system.egressRedis" -}}
{{- if .Values.redis.enabled -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "redis.selectorLabels" .Subcharts.redis | nindent 10 }}
  ports:
    - {protocol: TCP, port: redis}
{{- else -}}
- ports:
    {{- include "queue-system.externalRedisPorts" . | nindent 4 }}
{{- end -}}
{{- end -}}

{{/* The chart's own Jaeger, or a collector, wherever its name leads. */}}
{{- define "queue-system.egressTelemetry" -}}
{{- if .Values.jaeger.enabled -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "queue-system.selectorLabels" (list . "jaeger") | nindent 10 }}
  ports:
    - {protocol: TCP, port: otlp-http}
{{- else if .Values.telemetry.endpoint -}}
{{- $url := urlParse .Values.telemetry.endpoint -}}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) -}}
- ports:
    - {protocol: TCP, port: {{ default (ternary "443" "80" (eq $url.scheme "https")) $port }}}
{{- end -}}
{{- end -}}

{{/* Who may read the metrics, and the backlog. */}}
{{- define "queue-system.ingressMetrics" -}}
- from:
    - namespaceSelector:
        matchExpressions:
          - key: kubernetes.io/metadata.name
            operator: In
            values: {{ append .Values.networkPolicy.metricsNamespaces .Values.networkPolicy.kedaNamespace | uniq | toJson }}
    - podSelector: {}
  ports:
    - {protocol: TCP, port: metrics}
{{- end -}}
