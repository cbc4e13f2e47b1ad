{{- define "queue-system.egressDNS" -}}
- to:
    {{- toYaml .Values.networkPolicy.dnsTo | nindent 4 }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end -}}

{{/* The chart's own Redis, or an external one. */}}
{{- define "queue-system.egressRedis" -}}
{{- if .Values.redis.enabled -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "redis.selectorLabels" .Subcharts.redis | nindent 10 }}
  ports:
    - {protocol: TCP, port: redis}
{{- else -}}
- to:
    {{- include "queue-system.externalRedisPeers" . | nindent 4 }}
  ports:
    {{- include "queue-system.externalRedisPorts" . | nindent 4 }}
{{- end -}}
{{- end -}}

{{/* What else a component's pods may reach. Arguments: list ROOT PEERS. */}}
{{- define "queue-system.egressExtra" -}}
{{- with index . 1 }}
- to:
    {{- toYaml . | nindent 4 }}
{{- end }}
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
